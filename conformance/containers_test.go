package conformance_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polywire/polywire/codecs/avrocodec"
	"github.com/polywire/polywire/codecs/avrocodec/ocf"
)

// A container is a file of all values of a type, in one compression.
type container struct {
	compression string
	of          string
	values      []any // as values.json has them
}

func (c container) String() string { return c.compression + ": " + c.of }

// containers are those that a language has a compression for.
func containers(t testing.TB, compressions []string) []container {
	t.Helper()
	var file struct{ Containers []string }
	readJSON(t, "values.json", &file)
	var out []container
	for _, compression := range compressions {
		for _, name := range file.Containers {
			c := container{compression: compression, of: name}
			for _, v := range values(t) {
				if v.Type == name {
					c.values = append(c.values, v.Value)
				}
			}
			out = append(out, c)
		}
	}
	if len(out) < 15 {
		t.Fatalf("%d files, want more", len(out))
	}
	return out
}

// compressionsOf are what the libraries of a language have of what ocf has.
func compressionsOf(name string) []string {
	if name == "node" {
		return []string{"null", "deflate"}
	}
	return []string{"null", "deflate", "snappy", "zstandard"}
}

// C103, with what others wrote; it needs no other program.
func TestOthersContainersAreReadAsTheirValues(t *testing.T) {
	for _, l := range languages() {
		t.Run(l.name, func(t *testing.T) {
			var theirs encodings
			readJSON(t, l.name+"-containers.json", &theirs)
			if want := hashOf(t, l.sources); theirs.Sources != want {
				t.Errorf("%s-containers.json was made from other sources than %v: make it anew by go test ./conformance -run 'Vectors|Containers' -update", l.name, l.sources)
			}
			checkContainers(t, containers(t, compressionsOf(l.name)), theirs)
		})
	}
}

// checkContainers reads the files of a language and compares what they hold.
func checkContainers(t *testing.T, wanted []container, theirs encodings) {
	t.Helper()
	for _, c := range wanted {
		file, err := hex.DecodeString(theirs.Vectors[c.compression][c.of])
		if err != nil {
			t.Fatal(err)
		}
		got, compression, err := readContainer(file, vectorTypes[c.of])
		if err != nil || compression != c.compression {
			t.Errorf("%v: %x is read as compressed by %q, with the error %v", c, file, compression, err)
			continue
		}
		if diff := cmp.Diff(c.values, got); diff != "" {
			t.Errorf("%v: %x is read as other values (-want +got):\n%s", c, file, diff)
		}
	}
}

// readContainer returns the values of a file as values.json writes them, and its compression.
func readContainer(file []byte, typ reflect.Type) (values []any, compression string, err error) {
	r, err := ocf.NewReader(bytes.NewReader(file), avrocodec.New())
	if err != nil {
		return nil, "", err
	}
	for {
		v := reflect.New(typ)
		if err := r.Read(v.Interface()); errors.Is(err, io.EOF) {
			return values, string(r.Metadata()["avro.codec"]), nil
		} else if err != nil {
			return values, "", err
		}
		values = append(values, canonical(v.Elem()))
	}
}

// ourContainer writes a file of several blocks.
func ourContainer(t *testing.T, c container) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := ocf.NewWriter(&file, avrocodec.New(), reflect.Zero(vectorTypes[c.of]).Interface(), ocf.WithCompression(ocf.Compression(c.compression)), ocf.WithBlockSize(16))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range c.values {
		if err := w.Write(goValue(t, vector{Name: c.String(), Type: c.of, Value: v}).Interface()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestOthersReadOurContainersAsTheSameValues(t *testing.T) {
	for _, l := range languages() {
		t.Run(l.name, func(t *testing.T) {
			asked := containers(t, compressionsOf(l.name))
			var ask bytes.Buffer
			for _, c := range asked {
				line, err := json.Marshal(map[string]string{"format": c.compression, "type": c.of, "body": hex.EncodeToString(ourContainer(t, c))})
				if err != nil {
					t.Fatal(err)
				}
				ask.Write(append(line, '\n'))
			}
			answers := bytes.Split(bytes.TrimSpace(run(t, l.command(t, "read-containers"), &ask)), []byte("\n"))
			if len(answers) != len(asked) {
				t.Fatalf("%d answers, want %d", len(answers), len(asked))
			}
			for i, c := range asked {
				var got any
				if err := json.Unmarshal(answers[i], &got); err != nil {
					t.Fatalf("%v: %v", c, err)
				}
				if diff := cmp.Diff(any(c.values), got); diff != "" {
					t.Errorf("%v is read as other values (-want +got):\n%s", c, diff)
				}
			}
		})
	}
}

// TestContainersCanBeMadeAgain writes them anew: those without compression must be the same,
// the bytes of compressors are their versions' own. With -update it keeps them.
func TestContainersCanBeMadeAgain(t *testing.T) {
	if *update {
		t.Setenv("CI", "true") // a program that is missing fails
	}
	for _, l := range languages() {
		t.Run(l.name, func(t *testing.T) {
			var again, kept encodings
			if err := json.Unmarshal(run(t, l.command(t, "write-containers"), nil), &again); err != nil {
				t.Fatal(err)
			}
			if *update {
				again.Sources = hashOf(t, l.sources)
				writeJSON(t, l.name+"-containers.json", again)
				return
			}
			readJSON(t, l.name+"-containers.json", &kept)
			if diff := cmp.Diff(kept.Vectors["null"], again.Vectors["null"]); diff != "" {
				t.Errorf("it writes other files than it did (-kept +again):\n%s", diff)
			}
			if want := slices.Sorted(slices.Values(compressionsOf(l.name))); !slices.Equal(slices.Sorted(maps.Keys(again.Vectors)), want) {
				t.Errorf("it writes files of %v, want %v", slices.Sorted(maps.Keys(again.Vectors)), want)
			}
			checkContainers(t, containers(t, compressionsOf(l.name)), again)
		})
	}
}
