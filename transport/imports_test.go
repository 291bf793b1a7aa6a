package transport_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/polywire/polywire/"

// allowed says which imports from outside the standard library a folder's packages may have; the
// longest matching folder decides. A prefix that ends in / covers all below it.
var allowed = map[string][]string{
	"transport":                  {module + "transport/access", module + "transport/internal/", module + "internal/rest"}, // which imports the standard library alone, as nearest does
	"transport/access":           {module + "transport/internal/"},
	"transport/contract":         {module + "transport", module + "codecs", module + "codecs/schema", module + "internal/protofiles", module + "internal/shape", module + "internal/rest"},
	"transport/contract/openapi": {module + "transport", module + "transport/contract", module + "codecs/schema", module + "internal/httpstatus", module + "internal/rest"},
	"transport/endpoints":        {},
	"transport/config":           {module + "transport", module + "transport/endpoints", module + "transport/access", module + "transport/internal/glob", module + "transport/contract", module + "codecs", module + "internal/nearest", module + "internal/rest", "go.yaml.in/yaml/v4"},
	"transport/grpcstub":         {module + "transport", module + "codecs", module + "codecs/protocodec", "google.golang.org/grpc", "google.golang.org/grpc/", "google.golang.org/genproto/googleapis/rpc/", "google.golang.org/protobuf/"},
	"codecs":                     {module + "internal/nearest"}, // which imports the standard library alone: no user gains a dependency
	"codecs/schema":              {module + "internal/shape"},
	"codecs/all":                 {module + "codecs", module + "codecs/"},
	"codecs/avrocodec":           {module + "codecs", module + "internal/codecerr", module + "internal/shape", module + "internal/protoshape", module + "internal/intern", "github.com/hamba/avro/v2", "github.com/hamba/avro/v2/pkg/crc64", "github.com/twmb/franz-go/pkg/sr", "google.golang.org/protobuf/"},
	"codecs/avrocodec/ocf":       {module + "codecs", module + "codecs/avrocodec", module + "internal/zstdsize", "github.com/klauspost/compress/"},
	"codecs/jsoncodec":           {module + "codecs", module + "internal/codecerr", module + "internal/shape", module + "internal/intern", "github.com/go-json-experiment/json", "github.com/go-json-experiment/json/", "google.golang.org/protobuf/"},
	"codecs/msgpackcodec":        {module + "codecs", module + "internal/codecerr", module + "internal/shape", module + "internal/protoshape", module + "internal/intern", "github.com/vmihailenco/msgpack/v5", "google.golang.org/protobuf/"},
	"codecs/protocodec":          {module + "codecs", module + "internal/codecerr", module + "internal/shape", module + "internal/intern", "google.golang.org/protobuf/"},
	"codecs/xmlcodec":            {module + "codecs", module + "internal/codecerr", module + "internal/shape", module + "internal/protoshape", module + "internal/intern", "google.golang.org/protobuf/"},
	"internal/homes":             {module + "transport", module + "transport/endpoints", module + "internal/reconnect"},
	"internal/fieldtext":         {module + "transport"},
	"internal/router":            {module + "transport", module + "internal/router/"},
	"internal/apiproto":          {module + "internal/protofiles", module + "codecs/schema", module + "codecs/protocodec", module + "transport/contract", "google.golang.org/protobuf/"},
	"internal/attach":            {module + "transport", module + "transport/access", module + "internal/homes", module + "internal/reconnect", module + "internal/router"},
	"internal/reconnect":         {module + "transport"},
	"internal/shape":             {},
	"internal/protofiles":        {"google.golang.org/protobuf/"},
	"internal/protoshape":        {module + "codecs", module + "internal/shape", "google.golang.org/protobuf/"},
	"internal/codecerr":          {module + "codecs", module + "internal/shape"},
	"internal/intern":            {},
	"internal/nearest":           {},
	"internal/rest":              {},
	"internal/zstdsize":          {"github.com/klauspost/compress/zstd"},
	"internal/casereport":        {},
	"internal/codecharness":      {module + "codecs", module + "codecs/", module + "conformance/codectest"},
	"internal/wireharness":       {module + "transport", module + "conformance/transporttest"},
	"internal/benchfmt":          {module + "internal/nearest"},
	"internal/loadbench":         {module + "internal/benchfmt", "github.com/HdrHistogram/hdrhistogram-go"},
	"internal/codecbench":        {module + "internal/benchfmt", module + "codecs", module + "codecs/", module + "conformance/codectest", module + "internal/nearest", "github.com/google/go-cmp/", "github.com/klauspost/compress/zstd", "google.golang.org/protobuf/"},
	"internal/brokertest":        {module + "transport"},
	"internal/nodeurl":           {module + "transport", module + "internal/homes", module + "internal/tlsfiles"},
	"internal/httpstatus":        {module + "transport"},
	"internal/tlsfiles":          {module + "transport"},
	"internal/peertest":          {module + "transport", module + "transport/access", module + "transport/endpoints", module + "internal/tlsfiles/tlstest", module + "internal/wireharness", module + "conformance/faultproxy"},
	"internal/tlsfiles/tlstest":  {module + "internal/testcerts"},
	"internal/testcerts":         {},
	"adapters/inproc":            {module + "transport", module + "internal/"},
	"adapters/httpwire":          {module + "transport", module + "transport/access", module + "transport/endpoints", module + "internal/"},
	"adapters/grpcwire":          {module + "transport", module + "transport/access", module + "transport/endpoints", module + "internal/", "google.golang.org/grpc", "google.golang.org/grpc/", "google.golang.org/protobuf/", "google.golang.org/genproto/googleapis/rpc/status"},
	"adapters/amqpwire":          {module + "transport", module + "internal/", "github.com/rabbitmq/amqp091-go", "golang.org/x/sync/semaphore"},
	"adapters/kafkawire":         {module + "transport", module + "internal/", "github.com/twmb/franz-go/"},
	"adapters/all":               {module + "transport", module + "adapters/"},
	"conformance":                {},
	"conformance/codectest":      {module + "codecs", module + "internal/casereport"},
	"conformance/faultproxy":     {},
	"conformance/transporttest":  {module + "transport", module + "transport/access", module + "internal/casereport", module + "internal/testcerts", module + "conformance/faultproxy"},
	"conformance/contracttest":   {module + "transport", module + "transport/contract", module + "codecs", module + "conformance/transporttest"},

	"transport/middleware/compress":  {module + "transport", module + "transport/internal/hooks", module + "internal/zstdsize", "github.com/klauspost/compress/"},
	"transport/middleware/oteltrace": {module + "transport", module + "transport/internal/hooks", "go.opentelemetry.io/otel", "go.opentelemetry.io/otel/"},
	"transport/middleware/logging":   {module + "transport", module + "transport/internal/hooks"},
	// Engines know nothing of the codec, and the codec's tests know them.
	"codecs/msgpackcodec/msgpengine": {"github.com/tinylib/msgp/msgp"},
}

func TestWhoMayImportWhom(t *testing.T) {
	eachFile(t, func(folder, path string, f *ast.File) {
		rules, under := rulesFor(folder)
		if under == "" || strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, imp := range f.Imports {
			name, _ := strconv.Unquote(imp.Path.Value)
			if std := !strings.Contains(strings.Split(name, "/")[0], "."); std {
				continue
			}
			if !covered(name, rules) && !strings.HasPrefix(name, module+under+"/") {
				t.Errorf("%s imports %s, which packages below %s may not (allowed: %v)", path, name, under, rules)
			}
		}
	})
}

func TestNobodyImportsCommandsAndExamples(t *testing.T) {
	eachFile(t, func(folder, path string, f *ast.File) {
		for _, imp := range f.Imports {
			name, _ := strconv.Unquote(imp.Path.Value)
			for _, top := range []string{"cmd", "bench", "examples"} {
				if strings.HasPrefix(name, module+top+"/") && !strings.HasPrefix(folder, top) {
					t.Errorf("%s imports %s: nobody imports %s", path, name, top)
				}
			}
		}
	})
}

// Who wants another engine of a codec imports it; nobody else links it.
func TestNobodyImportsAnotherEngine(t *testing.T) {
	eachFile(t, func(_, path string, f *ast.File) {
		for _, imp := range f.Imports {
			if name, _ := strconv.Unquote(imp.Path.Value); strings.HasPrefix(name, module+"codecs/") && strings.HasSuffix(name, "engine") && !strings.HasSuffix(path, "_test.go") {
				t.Errorf("%s imports %s, which only users do who ask for it", path, name)
			}
		}
	})
}

func TestOnlyTestsImportWhatTestsShare(t *testing.T) {
	eachFile(t, func(_, path string, f *ast.File) {
		for _, imp := range f.Imports {
			if name, _ := strconv.Unquote(imp.Path.Value); name == module+"internal/brokertest" && !strings.HasSuffix(path, "_test.go") {
				t.Errorf("%s imports %s, which is for tests alone", path, name)
			}
		}
	})
}

func TestExportedNamesStayInTheirBudget(t *testing.T) {
	for folder, budget := range map[string]int{"transport": 81, "transport/contract": 37} {
		var names []string
		eachFile(t, func(f string, path string, file *ast.File) {
			if f == folder && !strings.HasSuffix(path, "_test.go") {
				names = append(names, exported(file)...)
			}
		})
		if len(names) == 0 || len(names) > budget {
			t.Errorf("%s exports %d identifiers, want 1 to %d: %v", folder, len(names), budget, names)
		}
	}
}

func rulesFor(folder string) (rules []string, under string) {
	for f, r := range allowed {
		if (folder == f || strings.HasPrefix(folder, f+"/")) && len(f) > len(under) {
			rules, under = r, f
		}
	}
	return rules, under
}

func covered(name string, rules []string) bool {
	for _, r := range rules {
		if name == r || strings.HasSuffix(r, "/") && strings.HasPrefix(name, r) {
			return true
		}
	}
	return false
}

func exported(f *ast.File) (names []string) {
	add := func(id *ast.Ident) {
		if id.IsExported() {
			names = append(names, id.Name)
		}
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				add(d.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					add(s.Name)
				case *ast.ValueSpec:
					for _, n := range s.Names {
						add(n)
					}
				}
			}
		}
	}
	return names
}

// eachFile parses every Go file of this module.
func eachFile(t *testing.T, visit func(folder, path string, f *ast.File)) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			nested := path != ".." && exists(filepath.Join(path, "go.mod"))
			if nested || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != ".." {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), "../")), path, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
