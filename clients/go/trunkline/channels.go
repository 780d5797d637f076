package trunkline

import (
	"fmt"
	"net/netip"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/health" // lets channels leave out replicas that are not serving
	"google.golang.org/grpc/keepalive"
)

// Bytes of a message, both ways: the gateway's own limit.
const messageLimit = 32 << 20

// As long as nothing of the answer has come. The gateway forbids it by pushback where it has tried enough itself; where the
// connection broke, an answer that nobody saw may be paid for twice.
const retries = `"methodConfig": [{
	"name": [{"service": "trunkline.v1.ChatService"}, {"service": "trunkline.v1.EmbeddingService"},
		{"service": "trunkline.v1.ModelService"}],
	"retryPolicy": {
		"maxAttempts": 3,
		"initialBackoff": "0.2s",
		"maxBackoff": "2s",
		"backoffMultiplier": 2,
		"retryableStatusCodes": ["UNAVAILABLE"]
	}
}],
"retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1}`

// A name may stand for several replicas: use all of them, but none that says it is not serving.
const replicas = `"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}, `

var (
	scheme      = regexp.MustCompile(`(?i)^[a-z][a-z0-9+.-]*:`)
	hostAndPort = regexp.MustCompile(`^[^:]*:\d+$`)
)

// targetOf makes gRPC's target of an address: names are resolved by DNS, addresses and other schemes are as they are.
func targetOf(address string) (string, error) {
	if strings.HasPrefix(address, "http://") || strings.HasPrefix(address, "https://") {
		return "", fmt.Errorf("trunkline: the address is host:port, without a scheme; for TLS, use WithTLS: %s", address)
	}
	switch {
	case isIP(address):
		return "passthrough:///" + address, nil
	case hostAndPort.MatchString(address) || !scheme.MatchString(address):
		return "dns:///" + address, nil
	}
	return address, nil
}

func isIP(address string) bool {
	if _, err := netip.ParseAddrPort(address); err == nil {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(address, "[]"))
	return err == nil
}

func dialOptions(target string) []grpc.DialOption {
	config := "{" + retries + "}"
	if strings.HasPrefix(target, "dns:") {
		config = "{" + replicas + retries + "}"
	}
	return []grpc.DialOption{
		grpc.WithUserAgent("trunkline-go/" + version()),
		grpc.WithDefaultServiceConfig(config),
		// Finds connections that died in silence, as long as a call waits for an answer. A model may think for minutes
		// without a word.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 60 * time.Second, Timeout: 20 * time.Second}),
		grpc.WithDefaultCallOptions(
			// What is too large for the gateway is for the gateway to refuse: it says by how much.
			grpc.MaxCallRecvMsgSize(messageLimit),
			// By default gRPC repeats no request above 256 KiB, which any picture exceeds.
			grpc.MaxRetryRPCBufferSize(messageLimit+64<<10),
		),
	}
}

const module = "trunkline.dev/go"

func version() string {
	info, _ := debug.ReadBuildInfo()
	if info != nil {
		for _, dependency := range info.Deps {
			if dependency.Path == module {
				return strings.TrimPrefix(dependency.Version, "v")
			}
		}
	}
	return "unknown" // in the module's own tests, or copied into another project
}
