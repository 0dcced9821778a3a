package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
)

// A keyCmd looks after the keys with which machines act for a brand.
type keyCmd struct {
	Create  createKeyCmd  `cmd:"" help:"Make a key and print it, this once."`
	List    listKeysCmd   `cmd:"" help:"List the keys of a brand, without the keys themselves."`
	Rotate  rotateKeyCmd  `cmd:"" help:"Give a key another secret, and print it."`
	Disable disableKeyCmd `cmd:"" help:"Refuse calls with a key, or take them again."`
	Delete  deleteKeyCmd  `cmd:"" help:"Delete a key for good."`
}

type createKeyCmd struct {
	desk

	Title    string        `name:"name" required:"" help:"What people call it." placeholder:"TEXT"`
	Scopes   []string      `required:"" help:"What it may do, such as tickets:read,tickets:write; * for everything." placeholder:"SCOPE"`
	ID       string        `help:"Its id. Chosen by the service if not given." placeholder:"ID"`
	Partner  string        `help:"The outsourcing partner it acts for." placeholder:"ID"`
	Customer string        `help:"The customer it acts for, as an app does: only collect: scopes." placeholder:"ID"`
	Expire   time.Duration `help:"How long it is good. For ever if not given."`
}

// Run implements the command.
func (c *createKeyCmd) Run(ctx context.Context) error {
	key := &gatewayv1.ApiKey{
		DisplayName: c.Title, Scopes: c.Scopes, Partner: c.name("partners", c.Partner), Customer: c.name("customers", c.Customer),
	}
	if c.Expire > 0 {
		key.ExpireTime = timestamppb.New(time.Now().Add(c.Expire))
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		k, err := gatewayv1.NewApiKeyServiceClient(conn).CreateApiKey(ctx, &gatewayv1.CreateApiKeyRequest{
			Parent: "brands/" + c.Brand, ApiKeyId: c.ID, ApiKey: key, RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		return c.say(k, func() { fmt.Println(short(k.GetName()) + "  " + k.GetSecret()) })
	})
}

type listKeysCmd struct {
	desk

	Filter string `help:"Only those that match, such as 'disabled = true'." placeholder:"FILTER"`
	Limit  int32  `default:"50" help:"At most this many."`
}

// Run implements the command.
func (c *listKeysCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		page, err := gatewayv1.NewApiKeyServiceClient(conn).ListApiKeys(ctx, &gatewayv1.ListApiKeysRequest{
			Parent: "brands/" + c.Brand, Filter: c.Filter, PageSize: c.Limit,
		})
		if err != nil {
			return err
		}
		return c.say(page, func() {
			for _, k := range page.GetApiKeys() {
				fmt.Println(pad(short(k.GetName()), 28) + pad(keyState(k), 24) + pad(keyUse(k), 24) + k.GetDisplayName() + "  " + strings.Join(k.GetScopes(), " "))
			}
			more(page.GetNextPageToken())
		})
	})
}

// keyState says in a word or two whether a key is good, and for whom.
func keyState(k *gatewayv1.ApiKey) string {
	state := "good"
	switch {
	case k.GetDisabled():
		state = "disabled"
	case k.GetExpireTime() != nil && !k.GetExpireTime().AsTime().After(time.Now()):
		state = "expired"
	}
	if whom := k.GetPartner() + k.GetCustomer(); whom != "" { // there is but one of them
		state += " for " + short(whom)
	}
	return state
}

// keyUse says when a key was used last.
func keyUse(k *gatewayv1.ApiKey) string {
	if k.GetLastUseTime() == nil {
		return "never used"
	}
	return "used " + day(k.GetLastUseTime().AsTime())
}

type rotateKeyCmd struct {
	desk

	ID    string        `arg:"" name:"key" help:"The key's id."`
	Grace time.Duration `default:"24h" help:"How long the old secret is good as well, at most a week; 0s for not at all."`
}

// Run implements the command.
func (c *rotateKeyCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		k, err := gatewayv1.NewApiKeyServiceClient(conn).RotateApiKey(ctx, &gatewayv1.RotateApiKeyRequest{
			Name: c.name("apiKeys", c.ID), GracePeriod: durationpb.New(c.Grace), RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		return c.say(k, func() { fmt.Println(short(k.GetName()) + "  " + k.GetSecret()) })
	})
}

type disableKeyCmd struct {
	desk

	ID   string `arg:"" name:"key" help:"The key's id."`
	Undo bool   `help:"Take calls with it again."`
}

// Run implements the command.
func (c *disableKeyCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		k, err := gatewayv1.NewApiKeyServiceClient(conn).UpdateApiKey(ctx, &gatewayv1.UpdateApiKeyRequest{
			ApiKey:     &gatewayv1.ApiKey{Name: c.name("apiKeys", c.ID), Disabled: !c.Undo},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"disabled"}}, RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		return c.say(k, func() { fmt.Println(short(k.GetName()) + "  " + keyState(k)) })
	})
}

type deleteKeyCmd struct {
	desk

	ID string `arg:"" name:"key" help:"The key's id."`
}

// Run implements the command.
func (c *deleteKeyCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		_, err := gatewayv1.NewApiKeyServiceClient(conn).DeleteApiKey(ctx, &gatewayv1.DeleteApiKeyRequest{
			Name: c.name("apiKeys", c.ID), RequestId: uuid.NewString(),
		})
		return err
	})
}
