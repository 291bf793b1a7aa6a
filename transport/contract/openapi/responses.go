package openapi

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/polywire/polywire/internal/httpstatus"
	"github.com/polywire/polywire/internal/rest"
	"github.com/polywire/polywire/transport/contract"
)

// responses are what an operation answers: the reply, what it declares to fail with, and any other problem.
func (s *service) responses(o *contract.Operation, rule *rest.Rule) (object, error) {
	if o.Style == "survey" {
		return s.stream("one line for each answer, then one with end, which is complete or deadline", o.Reply)
	}
	status, reply := success(o, rule), object{}
	reply["description"] = http.StatusText(status)
	if o.Reply != nil && o.Style == "method" {
		sch, err := s.inline(o.Reply)
		if err != nil {
			return nil, err
		}
		reply["content"] = object{"application/json": object{"schema": sch}}
	}
	if headers := replyHeaders(o); len(headers) > 0 {
		reply["headers"] = headers
	}
	out := object{strconv.Itoa(status): reply, "default": problem("an error; code tells which")}
	if o.HTTP != "" && rule.Verb() == http.MethodGet && slices.Contains(o.ReplyHeader, "etag") {
		out["304"] = object{"description": "what If-None-Match names is current"}
	}
	for status, names := range s.failures(o) {
		out[strconv.Itoa(status)] = problem("declared: " + strings.Join(names, ", "))
	}
	return out, nil
}

func problem(description string) object {
	return object{
		"description": description,
		"content":     object{"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Problem"}}},
	}
}

// success is the status of an operation that did not fail.
func success(o *contract.Operation, rule *rest.Rule) int {
	switch {
	case o.HTTP == "" && o.Style != "method":
		return http.StatusAccepted
	case o.HTTP == "":
		return http.StatusOK
	case slices.Contains(o.ReplyHeader, "location") && rule.Verb() != http.MethodGet:
		return http.StatusCreated
	case o.Reply == nil:
		return http.StatusNoContent
	}
	return http.StatusOK
}

func replyHeaders(o *contract.Operation) object {
	out := object{}
	for _, key := range o.ReplyHeader {
		if o.HTTP != "" || key != "etag" && key != "location" { // POST /request/NAME lists those in Polywire-Header
			out[http.CanonicalHeaderKey(key)] = object{"schema": object{"type": "string"}}
		}
	}
	return out
}

// failures are the declared ones by the status that they have.
func (s *service) failures(o *contract.Operation) map[int][]string {
	out := map[int][]string{}
	for name, code := range o.Failures {
		status := httpstatus.Of(code)
		out[status] = append(out[status], fmt.Sprintf("%s (%s)", name, code))
	}
	for _, names := range out {
		slices.Sort(names)
	}
	return out
}
