// Package trunkline is a client of a Trunkline gateway: one typed way to every LLM provider that the gateway knows.
//
//	client, err := trunkline.New("gateway:50051", trunkline.WithModel("anthropic/claude-sonnet-5"))
//	...
//	reply, err := client.Chat(ctx, trunkline.Text("Hello"))
//	fmt.Println(reply.Text())
//
// The contract itself (messages, enums, stubs) is in package trunkline.dev/go/trunkline/v1. What this package makes and
// gives back are thin views of it, which stay in reach as Proto.
package trunkline
