package openapi

import (
	"github.com/polywire/polywire/codecs/schema"
	"github.com/polywire/polywire/transport/contract"
)

// subscription is how a topic is followed. Its id is no destination, so that no other operation has it.
func (s *service) subscription(o *contract.Operation) error {
	responses, err := s.stream("one line for each message, from when the answer has begun", o.Request)
	if err != nil {
		return err
	}
	return s.put("GET", "/subscribe/"+o.Destination, object{
		"operationId": o.Destination + ":subscribe", "tags": []string{s.d.Service},
		"summary": o.Destination + " is followed until the caller hangs up",
		"parameters": []object{{
			"name": "group", "in": "query", "schema": object{"type": "string"}, "description": "of the subscriptions of one group one gets each message",
		}},
		"responses": responses,
	})
}

// stream is an answer of many objects, each of which carries a value of t as the text of its JSON.
func (s *service) stream(description string, t *schema.Type) (object, error) {
	body := object{"type": "string", "contentMediaType": "application/json"}
	if t != nil {
		value, err := s.inline(t)
		if err != nil {
			return nil, err
		}
		body["contentSchema"] = value
	}
	line := object{"type": "object", "properties": object{
		"destination": object{"type": "string"},
		"headers":     object{"type": "object", "additionalProperties": object{"type": "array", "items": object{"type": "string"}}},
		"body":        body,
		"body64":      object{"type": "string", "contentEncoding": "base64", "description": "in place of body, where that is no printable text"},
		"error":       object{"$ref": "#/components/schemas/Problem"},
		"end":         object{"type": "string"},
	}}
	return object{
		"200": object{
			"description": description + "; empty lines and comments keep it alive",
			"content":     object{"application/x-ndjson": object{"schema": line}, "text/event-stream": object{"schema": line}},
		},
		"default": problem("an error; code tells which"),
	}, nil
}
