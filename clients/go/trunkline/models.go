package trunkline

import (
	"context"

	v1 "trunkline.dev/go/trunkline/v1"
)

const pageSize = 1000

// WithProvider lists only the models of the provider of this name in the gateway's configuration.
func WithProvider(name string) ListOption {
	return listOption(func(s *settings) { s.listing.Provider = name })
}

// WithCapabilities lists only models that are known to have all of these.
func WithCapabilities(capabilities ...v1.ModelCapability) ListOption {
	return listOption(func(s *settings) { s.listing.Capabilities = append(s.listing.Capabilities, capabilities...) })
}

// WithLifecycles lists only models in one of these. Otherwise, those that are not retired.
func WithLifecycles(lifecycles ...v1.ModelLifecycle) ListOption {
	return listOption(func(s *settings) { s.listing.Lifecycles = append(s.listing.Lifecycles, lifecycles...) })
}

// ModelList is the models of a gateway's providers.
type ModelList struct {
	// Models are sorted by provider, and by id within it.
	Models []*v1.Model
	// Warnings are what the gateway wants the caller to know: for one, which providers could not be asked.
	Warnings []*v1.Warning
	// RequestID is the id of all calls that it took, to look it up in the gateway's log.
	RequestID string
}

// ListModels lists the models that the gateway's providers have, all pages of them.
func (c *Client) ListModels(ctx context.Context, options ...ListOption) (*ModelList, error) {
	s := &settings{}
	for _, option := range options {
		option.list(s)
	}
	ctx, cancel := c.withDeadline(ctx)
	defer cancel()
	list, told := &ModelList{}, map[[3]string]bool{}
	s.listing.PageSize = pageSize
	for {
		page, requestID, err := invoke(ctx, c, s, c.ModelService().ListModels, &s.listing)
		if err != nil {
			return nil, err
		}
		list.RequestID, s.requestID = requestID, &requestID
		list.Models = append(list.Models, page.GetModels()...)
		for _, warning := range page.GetWarnings() {
			// Each page says again which providers could not be asked.
			key := [3]string{warning.GetCode().String(), warning.GetField(), warning.GetValue()}
			if !told[key] {
				told[key] = true
				list.Warnings = append(list.Warnings, warning)
			}
		}
		if s.listing.PageToken = page.GetNextPageToken(); s.listing.PageToken == "" {
			return list, nil
		}
	}
}

// GetModel gets one model, by its name as Chat takes it: what it can do, what it costs, and for how long it is there. If
// there is no such model, or no longer, it fails with a *NotFoundError whose message has the nearest names.
func (c *Client) GetModel(ctx context.Context, name string, options ...CallOption) (*v1.Model, error) {
	s := &settings{}
	for _, option := range options {
		option.call(s)
	}
	response, _, err := invoke(ctx, c, s, c.ModelService().GetModel, &v1.GetModelRequest{Model: name})
	return response.GetModel(), err
}
