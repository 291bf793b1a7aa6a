package httpwire

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// cors says which pages of other sites may call this node from a browser. The zero value lets none.
type cors struct {
	origins     []string // as https://app.example
	any         bool     // any page, without credentials
	credentials bool     // browsers may send cookies and certificates along
}

// set reads the option cors: origins, separated by commas, or *.
func (c *cors) set(value string) error {
	for origin := range strings.SplitSeq(value, ",") {
		if origin == "*" {
			c.any = true
			continue
		}
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || origin != u.Scheme+"://"+u.Host {
			return invalid("option cors=%.128q: use origins as https://app.example, separated by commas, or *", origin)
		}
		c.origins = append(c.origins, origin)
	}
	return nil
}

// check refuses what would let any page act in its visitor's name.
func (c *cors) check(certificates bool) error {
	switch {
	case c.any && len(c.origins) > 0:
		return invalid("option cors: use * alone, or origins alone")
	case c.any && c.credentials:
		return invalid("option cors=* lets no page send credentials: name the origins that may")
	case c.any && certificates:
		return invalid("option cors=* with clientca would let any page use its visitor's certificate: name the origins that may")
	case c.credentials && len(c.origins) == 0:
		return invalid("option corscredentials is for the origins that cors names: add cors=https://app.example")
	}
	return nil
}

func (c *cors) allows(origin string) bool { return c.any || slices.Contains(c.origins, origin) }

// wrap lets pages of other sites in where c does, and no others: they must not reach a node through their visitor's browser.
func (c *cors) wrap(next http.Handler) http.Handler {
	if c.any {
		return c.answer(next)
	}
	protection := http.NewCrossOriginProtection()
	for _, origin := range c.origins {
		_ = protection.AddTrustedOrigin(origin) // set has checked it
	}
	next = protection.Handler(next)
	if len(c.origins) == 0 {
		return next
	}
	return c.answer(next)
}

// maxWanted bounds the names of fields that a preflight asks for, in bytes.
const maxWanted = 4 << 10

// answer tells browsers what pages may do.
func (c *cors) answer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
		switch {
		case origin != "" && c.allows(origin):
			c.allow(h, origin)
		case preflight:
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if !preflight {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
		if wanted := r.Header.Get("Access-Control-Request-Headers"); len(wanted) <= maxWanted {
			h.Set("Access-Control-Allow-Headers", wanted)
		}
		h.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	})
}

func (c *cors) allow(h http.Header, origin string) {
	if c.any {
		origin = "*"
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", strings.Join([]string{
		string(etag), string(location), "Retry-After", "Preference-Applied", codeField, reasonField, headerList, streamField,
	}, ", "))
	if c.credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}
