package codecs

import (
	"cmp"
	"mime"
	"strconv"
	"strings"
)

// Accept returns the codec that the peer likes best among those it names, in
// the syntax of HTTP's Accept ("application/json, application/xml;q=0.5,
// */*;q=0.1"). Of the ranges that match a codec the most specific decides
// (RFC 9110, 12.5.1), and of equally specific ones the first; weight 0 excludes.
// At equal weight the codec of the more specific range wins, then of the earlier,
// then the first of NewRegistry. It reports false when nothing fits, an empty list
// included: the caller then keeps to the codec of the request or of the route.
func (r *Registry) Accept(accept ...string) (Codec, bool) {
	if len(accept) == 1 {
		if c := r.byType[accept[0]]; c != nil && c.ContentType() == accept[0] {
			return c, true // the one type that is wanted is written so
		}
	}
	ranges := parseAccept(accept)
	var best Codec
	var by mediaRange
	for _, c := range r.order {
		m, found := c.liked(ranges)
		if found && (best == nil || m.before(by)) {
			best, by = c.Codec, m
		}
	}
	return best, best != nil
}

// liked returns the range by which a peer likes the codec best, under any of its
// media types. But what it writes has the first: a peer that excludes that by
// name excludes the codec.
func (e entry) liked(ranges []mediaRange) (best mediaRange, found bool) {
	for i, media := range e.media {
		m, ok := deciding(ranges, media)
		switch {
		case i == 0 && ok && m.weight == 0 && m.specific() == 2:
			return mediaRange{}, false
		case ok && m.weight > 0 && (!found || m.before(best)):
			best, found = m, true
		}
	}
	return best, found
}

// A mediaRange is one element of an Accept list.
type mediaRange struct {
	media  string // lower case: "a/b", "a/*" or "*/*"
	weight float64
	place  int // in the list
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
				ranges = append(ranges, mediaRange{media, weight, len(ranges)})
			}
		}
	}
	return ranges
}

// specific returns 2 for a/b, 1 for a/* and 0 for */*.
func (m mediaRange) specific() int {
	switch {
	case m.media == "*/*":
		return 0
	case strings.HasSuffix(m.media, "/*"):
		return 1
	}
	return 2
}

func (m mediaRange) matches(media string) bool {
	if m.media == "*/*" || m.media == media {
		return true
	}
	major, isRange := strings.CutSuffix(m.media, "/*")
	return isRange && strings.HasPrefix(media, major+"/")
}

// before reports whether what m decides is liked better than what other does.
func (m mediaRange) before(other mediaRange) bool {
	return cmp.Or(cmp.Compare(other.weight, m.weight), cmp.Compare(other.specific(), m.specific()), cmp.Compare(m.place, other.place)) < 0
}

// deciding returns the range that gives media its weight: the most specific that
// matches, and the first of those.
func deciding(ranges []mediaRange, media string) (best mediaRange, found bool) {
	for _, m := range ranges {
		if m.matches(media) && (!found || m.specific() > best.specific()) {
			best, found = m, true
		}
	}
	return best, found
}
