package conformance_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/avrocodec"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/codecs/msgpackcodec"
	"github.com/polywire/polywire/codecs/protocodec"
	"github.com/polywire/polywire/codecs/xmlcodec"
	"github.com/polywire/polywire/internal/brokertest"
)

// vectors holds values.json, what other languages write of it, and the programs that do.
const vectors = "testdata/vectors"

var update = flag.Bool("update", false, "write the vectors anew, by the programs of POLYWIRE_TEST_PYTHON and POLYWIRE_TEST_NODE")

// A vector is one value of values.json.
type vector struct {
	Name  string
	Type  string
	Value any
}

// encodings are those of one language: by format and name of the vector, text or hexadecimal.
type encodings struct {
	Sources string                       `json:"sources"` // hash of what they were made from
	Made    map[string]string            `json:"made"`    // versions of what made them
	Vectors map[string]map[string]string `json:"vectors"`
}

// A language is a program that writes and reads the vectors.
type language struct {
	name    string
	sources []string // that its encodings depend on
	command func(t testing.TB, mode string) *exec.Cmd
}

func languages() []language {
	return []language{
		{"python", []string{"vectors.py", "values.json", "protobuf.json", "avro.json"}, func(t testing.TB, mode string) *exec.Cmd {
			modules := "fastavro, google.protobuf, msgpack"
			if strings.HasSuffix(mode, "-containers") {
				modules += ", avro, backports.zstd, cramjam"
			}
			return exec.CommandContext(t.Context(), brokertest.Python(t, modules), filepath.Join(vectors, "vectors.py"), mode)
		}},
		{"node", []string{"vectors.cjs", "values.json", "protobuf.json", "avro.json", "package-lock.json"}, func(t testing.TB, mode string) *exec.Cmd {
			cmd := exec.CommandContext(t.Context(), "node", filepath.Join(vectors, "vectors.cjs"), mode)
			cmd.Env = append(os.Environ(), "NODE_PATH="+brokertest.Node(t, "@msgpack/msgpack", "avsc", "fast-xml-parser", "lossless-json", "protobufjs"))
			return cmd
		}},
	}
}

// formats are all codecs, and whether their bodies are text.
func formats() map[codecs.Codec]bool {
	return map[codecs.Codec]bool{avrocodec.New(): false, jsoncodec.New(): true, msgpackcodec.New(): false, protocodec.New(): false, xmlcodec.New(): true}
}

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(vectors, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func values(t testing.TB) []vector {
	t.Helper()
	var file struct {
		Types  map[string]any
		Values []vector
	}
	readJSON(t, "values.json", &file)
	for name := range file.Types {
		if vectorTypes[name] == nil {
			t.Fatalf("values.json has the type %s, which is unknown here", name)
		}
	}
	if len(file.Values) < 40 {
		t.Fatalf("%d values, want 40 at least", len(file.Values))
	}
	return file.Values
}

// hashOf is the SHA-256 of files.
func hashOf(t testing.TB, names []string) string {
	t.Helper()
	h := sha256.New()
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(vectors, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%s %d\n%s", name, len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestOthersVectorsAreReadAsTheirValues(t *testing.T) {
	rows := values(t)
	for _, l := range languages() {
		t.Run(l.name, func(t *testing.T) {
			var theirs encodings
			readJSON(t, l.name+".json", &theirs)
			if want := hashOf(t, l.sources); theirs.Sources != want {
				t.Errorf("%s.json was made from other sources than %v: make it anew by go test ./conformance -run 'Vectors|Containers' -update", l.name, l.sources)
			}
			for codec, text := range formats() {
				t.Run(codec.Name(), func(t *testing.T) {
					for _, v := range rows {
						body, ok := theirs.Vectors[codec.Name()][v.Name]
						if !ok {
							t.Errorf("%s: there is no encoding", v.Name)
							continue
						}
						checkDecode(t, codec, v, unprinted(t, body, text))
					}
				})
			}
		})
	}
}

// checkDecode reads a body and compares what it becomes.
func checkDecode(t *testing.T, codec codecs.Codec, v vector, body []byte) {
	t.Helper()
	got := reflect.New(vectorTypes[v.Type])
	if err := codec.Decode(body, got.Interface()); err != nil {
		t.Errorf("%s: %q is not read: %v", v.Name, body, err)
		return
	}
	if diff := cmp.Diff(v.Value, canonical(got.Elem())); diff != "" {
		t.Errorf("%s: %q is read as another value (-want +got):\n%s", v.Name, body, diff)
	}
}

func printed(body []byte, text bool) string {
	if text {
		return string(body)
	}
	return hex.EncodeToString(body)
}

func unprinted(t testing.TB, body string, text bool) []byte {
	t.Helper()
	if text {
		return []byte(body)
	}
	b, err := hex.DecodeString(body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOthersReadOurVectorsAsTheSameValues(t *testing.T) {
	rows := values(t)
	for _, l := range languages() {
		t.Run(l.name, func(t *testing.T) {
			type question struct {
				Format string `json:"format"`
				Type   string `json:"type"`
				Body   string `json:"body"`
			}
			var asked []vector
			var ask bytes.Buffer
			for codec, text := range formats() {
				for _, v := range rows {
					body, err := codec.Append(nil, goValue(t, v).Interface())
					if err != nil {
						t.Fatalf("%s: %v", v.Name, err)
					}
					line, err := json.Marshal(question{codec.Name(), v.Type, printed(body, text)})
					if err != nil {
						t.Fatal(err)
					}
					ask.Write(append(line, '\n'))
					v.Name = codec.Name() + ": " + v.Name
					asked = append(asked, v)
				}
			}
			answers := bytes.Split(bytes.TrimSpace(run(t, l.command(t, "read"), &ask)), []byte("\n"))
			if len(answers) != len(asked) {
				t.Fatalf("%d answers, want %d", len(answers), len(asked))
			}
			for i, v := range asked {
				var got any
				if err := json.Unmarshal(answers[i], &got); err != nil {
					t.Fatalf("%s: %v", v.Name, err)
				}
				if diff := cmp.Diff(v.Value, got); diff != "" {
					t.Errorf("%s is read as another value (-want +got):\n%s", v.Name, diff)
				}
			}
		})
	}
}

// TestVectorsCanBeMadeAgain writes them anew and compares; with -update it keeps them.
func TestVectorsCanBeMadeAgain(t *testing.T) {
	if *update {
		t.Setenv("CI", "true")                  // a program that is missing fails
		for name, schemas := range schemas(t) { // which the programs read
			writeJSON(t, name, schemas)
		}
	}
	for _, l := range languages() {
		t.Run(l.name, func(t *testing.T) {
			var again, kept encodings
			if err := json.Unmarshal(run(t, l.command(t, "write"), nil), &again); err != nil {
				t.Fatal(err)
			}
			again.Sources = hashOf(t, l.sources)
			if *update {
				writeJSON(t, l.name+".json", again)
				return
			}
			readJSON(t, l.name+".json", &kept)
			again.Made = kept.Made // other versions are welcome as long as they write the same
			if diff := cmp.Diff(kept, again); diff != "" {
				t.Errorf("it writes other vectors than it did (-kept +again):\n%s", diff)
			}
		})
	}
}

// TestVectorsHaveTheSchemasOfTheCodecs holds what the programs know of Protobuf and Avro.
func TestVectorsHaveTheSchemasOfTheCodecs(t *testing.T) {
	for name, want := range schemas(t) {
		var got map[string]string
		readJSON(t, name, &got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s differs: the wire of these types changed (-want +got):\n%s", name, diff)
		}
	}
}

// schemas are those of the types of the vectors: descriptors in base64, and Avro's.
func schemas(t testing.TB) map[string]map[string]string {
	t.Helper()
	files, records := make(map[string]string), make(map[string]string)
	for name, typ := range vectorTypes {
		file, err := protocodec.New().Descriptor(typ)
		if err != nil {
			t.Fatal(err)
		}
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = base64.StdEncoding.EncodeToString(b)
		record, err := avrocodec.New().Schema(typ)
		if err != nil {
			t.Fatal(err)
		}
		records[name] = record.String()
	}
	return map[string]map[string]string{"protobuf.json": files, "avro.json": records}
}

func writeJSON(t testing.TB, name string, v any) {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(vectors, name), append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func run(t testing.TB, cmd *exec.Cmd, in *bytes.Buffer) []byte {
	t.Helper()
	if in != nil {
		cmd.Stdin = in
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.String())
	}
	return out
}

// TestVectorsAreDistinct holds that a name tells one value, and that every type has one.
func TestVectorsAreDistinct(t *testing.T) {
	var names, types []string
	for _, v := range values(t) {
		if slices.Contains(names, v.Name) {
			t.Errorf("two values are called %q", v.Name)
		}
		names, types = append(names, v.Name), append(types, v.Type)
	}
	for name := range vectorTypes {
		if !slices.Contains(types, name) && name != "Point" {
			t.Errorf("no value has the type %s", name)
		}
	}
}
