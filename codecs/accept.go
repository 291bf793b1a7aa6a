package codecs

import (
	"cmp"
	"mime"
	"slices"
	"strconv"
	"strings"
)

// Accept returns the codec that the peer likes best among those it names, in
// the syntax of HTTP's Accept ("application/json, application/xml;q=0.5,
// */*;q=0.1"). At equal weight the more specific range wins, then the earlier;
// a wildcard picks codecs in the order of NewRegistry. A range of weight 0
// excludes. It reports false when nothing fits, an empty list included: the
// caller then keeps to the codec of the request or of the route.
func (r *Registry) Accept(accept ...string) (Codec, bool) {
	ranges := parseAccept(accept)
	slices.SortStableFunc(ranges, func(a, b mediaRange) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(b.specific(), a.specific()))
	})
	for _, rng := range ranges {
		for _, c := range r.order {
			if rng.weight > 0 && rng.matches(c.ContentType()) && !excluded(ranges, c.ContentType()) {
				return c, true
			}
		}
	}
	return nil, false
}

// A mediaRange is one element of an Accept list.
type mediaRange struct {
	media  string // lower case: "a/b", "a/*" or "*/*"
	weight float64
}

// maxRanges bounds how much of a peer's list is read.
const maxRanges = 32

// parseAccept reads the ranges of a list and leaves out what is malformed.
func parseAccept(accept []string) []mediaRange {
	var ranges []mediaRange
	for _, list := range accept {
		for item := range strings.SplitSeq(list, ",") {
			media, params, err := mime.ParseMediaType(item)
			if err != nil || !strings.Contains(media, "/") {
				continue
			}
			weight := 1.0
			if q, ok := params["q"]; ok {
				weight, err = strconv.ParseFloat(q, 64)
			}
			if err == nil && weight >= 0 && weight <= 1 && len(ranges) < maxRanges {
				ranges = append(ranges, mediaRange{media, weight})
			}
		}
	}
	return ranges
}

// specific returns 2 for a/b, 1 for a/* and 0 for */*.
func (m mediaRange) specific() int { return 2 - strings.Count(m.media, "*") }

func (m mediaRange) matches(media string) bool {
	if m.media == "*/*" || m.media == media {
		return true
	}
	major, isRange := strings.CutSuffix(m.media, "/*")
	return isRange && strings.HasPrefix(media, major+"/")
}

// excluded reports whether the most specific range for media has weight 0.
func excluded(ranges []mediaRange, media string) bool {
	best := mediaRange{weight: -1}
	for _, m := range ranges {
		if m.matches(media) && (best.weight < 0 || m.specific() > best.specific()) {
			best = m
		}
	}
	return best.weight == 0
}
