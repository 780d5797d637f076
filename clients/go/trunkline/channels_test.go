package trunkline_test

import (
	"testing"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

	"trunkline.dev/go/trunkline"
)

func TestTargets(t *testing.T) {
	for address, expected := range map[string]string{
		"":                    "passthrough:///127.0.0.1:50051",
		"gateway":             "dns:///gateway",
		"gateway:50051":       "dns:///gateway:50051",
		"gateway.local:50051": "dns:///gateway.local:50051",
		"10.0.0.1:50051":      "passthrough:///10.0.0.1:50051",
		"[::1]:50051":         "passthrough:///[::1]:50051",
		"unix:/tmp/socket":    "unix:/tmp/socket",
		"dns:///gateway:1":    "dns:///gateway:1",
		"https://gateway":     "",
	} {
		t.Setenv("TRUNKLINE_ADDRESS", "")
		client, err := trunkline.New(address)
		if err != nil {
			equal(t, expected, "")
			continue
		}
		equal(t, client.Conn().Target(), expected)
		equal(t, client.Close(), nil)
	}
	t.Setenv("TRUNKLINE_ADDRESS", "elsewhere:1")
	equal(t, client(t, "").Conn().Target(), "dns:///elsewhere:1")
}

// A name may stand for several gateways: one that says that it does not serve gets no calls.
func TestReplicasThatDoNotServeAreLeftOut(t *testing.T) {
	serving, stopping := newReplica(t), newReplica(t)
	names := manual.NewBuilderWithScheme("dns")
	names.InitialState(resolver.State{Addresses: []resolver.Address{{Addr: serving.address}, {Addr: stopping.address}}})
	client := client(t, "gateway:50051", trunkline.WithModel("m"), trunkline.WithDialOptions(grpc.WithResolvers(names)))
	ask := func() { must[*trunkline.Reply](t)(client.Chat(t.Context(), trunkline.Text("Hi"))) }
	eventually(t, func() bool { ask(); return serving.asked() > 0 && stopping.asked() > 0 })
	close(stopping.stops)
	eventually(t, func() bool {
		before := stopping.asked()
		for range 10 {
			ask()
		}
		return stopping.asked() == before
	})
}

// replica is a gateway that tells whether it serves. The health package's own server would bring along what the client
// needs from that package.
type replica struct {
	*scripted
	healthpb.UnimplementedHealthServer
	stops chan struct{}
}

func newReplica(t *testing.T) *replica {
	t.Helper()
	r := &replica{stops: make(chan struct{})}
	r.scripted = newScriptedWith(t, r)
	return r
}

func (r *replica) Watch(_ *healthpb.HealthCheckRequest, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	if err := stream.Send(&healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}); err != nil {
		return err
	}
	select {
	case <-r.stops:
		if err := stream.Send(&healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_NOT_SERVING}); err != nil {
			return err
		}
		<-stream.Context().Done()
	case <-stream.Context().Done():
	}
	return nil
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("never")
		}
	}
}
