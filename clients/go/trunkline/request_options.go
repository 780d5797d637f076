package trunkline

import (
	"maps"

	"google.golang.org/grpc/metadata"

	v1 "trunkline.dev/go/trunkline/v1"
)

type modelOption string

// WithModel names the model: "provider/model", or a name that the gateway knows. Given to New, it is for calls that name
// none.
func WithModel(model string) ClientAndRequestOption { return modelOption(model) }

func (o modelOption) client(c *Client)   { c.model = string(o) }
func (o modelOption) stream(s *settings) { s.input.Model = string(o) }
func (o modelOption) chat(s *settings)   { s.input.Model = string(o) }
func (o modelOption) embed(s *settings)  { s.input.Model = string(o) }

// WithEndUserID gives an opaque id of the person behind the request. Not a name, not an address.
func WithEndUserID(id string) RequestOption {
	return requestOption(func(s *settings) { s.input.EndUserId = id })
}

// WithProviderOptions gives anything newer than the contract: a JSON object (text, or anything that json.Marshal writes as
// one) that is merged into the body of the upstream request last. The provider is a kind of API, or a provider's name.
func WithProviderOptions(provider string, object any) RequestOption {
	return requestOption(func(s *settings) {
		text, err := jsonOption(provider, object)
		s.fail(err)
		if s.input.ProviderOptionsJson == nil {
			s.input.ProviderOptionsJson = map[string]string{}
		}
		s.input.ProviderOptionsJson[provider] = text
	})
}

// WithRoute asks by a route of the gateway's configuration.
func WithRoute(name string) RequestOption {
	return requestOption(func(s *settings) { s.routing.Destination = &v1.RoutingOptions_RouteName{RouteName: name} })
}

// Target is one provider, as a call sees it.
type Target struct {
	// Provider is its name in the gateway's configuration.
	Provider string
	// Model is the model to ask, instead of the call's.
	Model string
	// APIKey is the caller's own key for the provider, instead of the gateway's.
	APIKey string
}

// WithTarget asks one provider, perhaps with a key of the caller's own.
func WithTarget(target Target) RequestOption {
	message := &v1.Target{Provider: target.Provider, Model: target.Model, ApiKey: target.APIKey}
	return WithOwnRoute(&v1.Route{Strategy: &v1.Route_Target{Target: message}})
}

// WithOwnRoute asks by a route of the caller's own.
func WithOwnRoute(route *v1.Route) RequestOption {
	return requestOption(func(s *settings) { s.routing.Destination = &v1.RoutingOptions_Route{Route: route} })
}

// WithUnsupportedFieldsDropped leaves out fields that the provider cannot honour, with a warning. Otherwise they fail.
func WithUnsupportedFieldsDropped() RequestOption {
	policy := v1.UnsupportedFieldPolicy_UNSUPPORTED_FIELD_POLICY_DROP_WITH_WARNING
	return requestOption(func(s *settings) { s.routing.UnsupportedFields = policy })
}

// WithRouteMetadata tells about the call what the conditions of routes ask: who asks, for what. It never goes to a provider.
func WithRouteMetadata(metadata map[string]string) RequestOption {
	return requestOption(func(s *settings) { s.routing.Metadata = maps.Clone(metadata) })
}

// WithAffinityKey has calls with the same key go to the same target of a load balancer that minds prompt caches.
func WithAffinityKey(key string) RequestOption {
	return requestOption(func(s *settings) { s.routing.AffinityKey = key })
}

// WithCoalescingKey lets calls in flight with the same key and the same request share one call to a provider.
func WithCoalescingKey(key string) RequestOption {
	return requestOption(func(s *settings) { s.routing.CoalescingKey = key })
}

// WithRouting gives the contract's own message, sent exactly as it is, in the place of all options that say where to ask.
func WithRouting(routing *v1.RoutingOptions) RequestOption {
	return requestOption(func(s *settings) { s.ownRouting = routing })
}

type metadataOption struct {
	key    string
	values []string
}

// WithMetadata adds gRPC metadata. A call's is stronger than that of its context (metadata.NewOutgoingContext), and that is
// stronger than the client's. The values of keys that end in "-bin" are bytes.
func WithMetadata(key string, values ...string) ClientAndCallOption {
	return metadataOption{key, values}
}

// WithKey sends a key for the gateway itself, as "authorization: Bearer KEY".
func WithKey(key string) ClientAndCallOption { return WithMetadata("authorization", "Bearer "+key) }

func (o metadataOption) client(c *Client)   { c.metadata.Append(o.key, o.values...) }
func (o metadataOption) stream(s *settings) { o.call(s) }
func (o metadataOption) chat(s *settings)   { o.call(s) }
func (o metadataOption) embed(s *settings)  { o.call(s) }
func (o metadataOption) list(s *settings)   { o.call(s) }

func (o metadataOption) call(s *settings) {
	if s.metadata == nil {
		s.metadata = metadata.MD{}
	}
	s.metadata.Append(o.key, o.values...)
}

// WithRequestID gives the call its id in the gateway's log: at most 64 printable ASCII characters. Otherwise, one is made.
func WithRequestID(id string) CallOption {
	return callOption(func(s *settings) { s.requestID = &id })
}
