package avrocodec

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"
)

// A published is one line of testdata/canonical.txt.
type published struct{ input, canonical, fingerprint string }

func publishedSchemas(t *testing.T) (all []published) {
	t.Helper()
	text, err := os.ReadFile("testdata/canonical.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		part := strings.Split(strings.TrimSuffix(line, "\n"), " |")
		if len(part) != 3 {
			t.Fatalf("%q has %d parts, want 3", line, len(part))
		}
		all = append(all, published{part[0], strings.TrimSpace(part[1]), strings.TrimSpace(part[2])})
	}
	return all
}

func TestCanonicalFormsAndFingerprintsArePublishedOnes(t *testing.T) {
	all, fingerprints := publishedSchemas(t), 0
	for i, p := range all {
		s, err := ParseSchema([]byte(p.input))
		if err != nil {
			t.Errorf("%d: %s: %v", i, p.input, err)
			continue
		}
		if s.Canonical() != p.canonical {
			t.Errorf("%d: got  %s\nwant %s", i, s.Canonical(), p.canonical)
		}
		if h, err := avro.Parse(p.input); err != nil || h.String() != p.canonical {
			t.Logf("hamba %d: %v, %v", i, h, err)
		} else if fp, _ := h.FingerprintUsing(avro.CRC64AvroLE); p.fingerprint != "" {
			want := s.Fingerprint()
			if string(fp) != string(want[:]) {
				t.Logf("hamba fp %d", i)
			}
		}
		if p.fingerprint != "" {
			fingerprints++
			if strconv.FormatInt(int64(s.fingerprint), 10) != p.fingerprint {
				t.Errorf("%d: %s: got the fingerprint %d, want %s", i, p.input, int64(s.fingerprint), p.fingerprint)
			}
		}
	}
	if len(all) != 34 || fingerprints != 26 {
		t.Errorf("%d examples with %d fingerprints, want 34 and 26", len(all), fingerprints)
	}
}
