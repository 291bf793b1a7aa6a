package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/polywire/polywire/codecs/avrocodec"
	"github.com/polywire/polywire/codecs/protocodec"
	"github.com/polywire/polywire/codecs/schema"
	"github.com/polywire/polywire/internal/apiproto"
	"github.com/polywire/polywire/transport/contract"
	"github.com/polywire/polywire/transport/contract/openapi"
)

func (a *app) schemaCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "schema", Short: "Tell other programs what messages look like", Args: cobra.NoArgs}
	cmd.AddCommand(a.schemaExportCommand())
	return cmd
}

// exporters write a type of a description, or all of them where it is nil.
func exporters() map[string]func(types schema.Types, t *schema.Type) ([]byte, error) {
	return map[string]func(types schema.Types, t *schema.Type) ([]byte, error){
		"avro":  exportAvro,
		"proto": exportProto,
		"jsonschema": func(types schema.Types, t *schema.Type) ([]byte, error) {
			return types.JSONSchema(t)
		},
	}
}

func (a *app) schemaExportCommand() *cobra.Command {
	v := a.newVerb()
	v.output = "json"
	var file string
	formats := slices.Sorted(maps.Keys(exporters()))
	formats = append(formats, "openapi")
	cmd := &cobra.Command{
		Use:   "export " + strings.Join(formats, "|") + " [DESTINATION|TYPE]",
		Short: "Write the types of an API as .proto, JSON Schema or Avro schema, or the API as OpenAPI",
		Long: `Writes what the messages of an API look like, for programs that are not written with polywire: all structs
of the description, the types of one destination, or one type. openapi is of the whole API, as HTTP offers it. AsyncAPI is not there yet.`,
		Example: `  polywire schema export proto --api shop.json -o shop.proto
  polywire schema export openapi --api shop.json -o openapi.json
  polywire schema export jsonschema --api describe -t http://localhost:8080 shop.order`,
		Args: cobra.RangeArgs(1, 2),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		export := exporters()[args[0]]
		if export == nil && args[0] != "openapi" {
			return usage(fmt.Errorf("format %.32q is not known (known: %s)", args[0], strings.Join(formats, ", ")))
		}
		d, err := v.apart(cmd.Context())
		if err != nil {
			return err
		}
		out, err := exported(d, args, export)
		if err != nil {
			return err
		}
		if file != "" {
			return os.WriteFile(file, out, 0o644) //nolint:gosec // a schema is for all to read
		}
		_, err = a.out.Write(out)
		return err
	}
	v.target.flags(cmd.Flags())
	cmd.Flags().StringVar(&v.api, "api", "", "description of the API: a `FILE`, or describe to ask the service")
	cmd.Flags().Var(&v.timeout, "timeout", "`TIME` for the question of describe")
	cmd.Flags().StringVarP(&file, "output", "o", "", "`FILE` to write; standard output without it")
	return cmd
}

// exported is what args, a format and maybe a name, ask of d. A nil export stands for openapi.
func exported(d *contract.Description, args []string, export func(schema.Types, *schema.Type) ([]byte, error)) ([]byte, error) {
	if export == nil {
		if len(args) > 1 {
			return nil, usage(errors.New("OpenAPI is of the whole API: leave the name out"))
		}
		out, err := openapi.Document(d)
		if err != nil {
			return nil, usage(err)
		}
		return out, nil
	}
	t, err := picked(d, args[1:])
	if err != nil {
		return nil, err
	}
	if t == nil && args[0] == "avro" {
		return nil, usage(errors.New("an Avro schema is of one type: name it, or a destination"))
	}
	out, err := export(d.Types, t)
	if err != nil {
		return nil, codecError(err)
	}
	return out, nil
}

// apart returns the description that --api names, with a connection only if it takes one.
func (v *verb) apart(ctx context.Context) (*contract.Description, error) {
	switch v.api {
	case "":
		return nil, usage(errors.New("--api is missing: name a file, or describe to ask the service"))
	case "describe":
	default:
		return v.description(ctx, nil)
	}
	conn, err := v.open(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // what counts has happened
	if v.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(v.timeout))
		defer cancel()
	}
	return v.description(ctx, conn)
}

// picked returns what name is in d: a type, or what a destination carries. Without a
// name it is nil, for all.
func picked(d *contract.Description, name []string) (*schema.Type, error) {
	if len(name) == 0 {
		return nil, nil //nolint:nilnil // all of them
	}
	if t := d.Types[name[0]]; t != nil {
		return &schema.Type{Kind: t.Kind, Type: name[0]}, nil
	}
	op := d.Operation(name[0])
	switch {
	case op == nil:
		return nil, usage(fmt.Errorf("service %s has neither a destination nor a type %.64q (types: %s)",
			d.Service, name[0], strings.Join(slices.Sorted(maps.Keys(d.Types)), ", ")))
	case op.Request == nil && op.Reply == nil:
		return nil, usage(fmt.Errorf("%s carries no value", op.Destination))
	case op.Request == nil:
		return op.Reply, nil
	case op.Reply != nil && (op.Request.Kind != op.Reply.Kind || op.Request.Type == "" || op.Request.Type != op.Reply.Type):
		return nil, usage(fmt.Errorf("%s has the request %s and the reply %s: name the type that is wanted",
			op.Destination, called(op.Request), called(op.Reply)))
	}
	return op.Request, nil
}

// called is how errors name a type.
func called(t *schema.Type) string {
	if t.Type != "" {
		return t.Type
	}
	return t.Kind
}

// exportProto writes a .proto file of t, or of all structs.
func exportProto(types schema.Types, t *schema.Type) ([]byte, error) {
	file, err := protoOf(types, t)
	if err != nil {
		return nil, err
	}
	text, err := protocodec.Source(file)
	return []byte(text), err
}

func protoOf(types schema.Types, t *schema.Type) (*descriptorpb.FileDescriptorProto, error) {
	if t == nil {
		file, _, err := apiproto.Messages(types)
		return file, err
	}
	maker, err := types.Maker(t)
	if err != nil {
		return nil, err
	}
	return protocodec.New().DescriptorOf(maker.New())
}

// exportAvro writes the Avro schema of t.
func exportAvro(types schema.Types, t *schema.Type) ([]byte, error) {
	maker, err := types.Maker(t)
	if err != nil {
		return nil, err
	}
	s, err := avrocodec.New().SchemaOf(maker.New())
	if err != nil {
		return nil, err
	}
	return []byte(s.String() + "\n"), nil
}
