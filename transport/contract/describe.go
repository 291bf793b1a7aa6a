package contract

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/polywire/polywire/codecs/schema"
	"github.com/polywire/polywire/internal/protofiles"
	"github.com/polywire/polywire/transport"
)

// needs are the features without which a style cannot be used; nil for what is no style.
func needs(style string) []string {
	switch style {
	case styleMethod:
		return []string{"Request"}
	case styleQueue:
		return []string{"Send"}
	case styleTopic:
		return []string{"Publish"}
	case styleSurvey:
		return []string{"Publish", "Gather"}
	}
	return nil
}

// Describe returns what the service offers. It fails as Err does.
func (s *Service) Describe() (*Description, error) {
	if s.err != nil {
		return nil, s.err
	}
	w := describer{out: &Description{Version: descriptionVersion, Service: s.name, Operations: make([]Operation, 0, len(s.specs))}}
	w.types.Number = s.number
	if err := w.reserve(s.specs); err != nil {
		return nil, err
	}
	for _, own := range s.specs {
		o, err := w.operation(own)
		if err != nil {
			return nil, fmt.Errorf("contract: describe %s: %w", own.destination, err)
		}
		w.out.Operations = append(w.out.Operations, o)
	}
	w.out.Types = w.types.Types
	var err error
	w.out.Files, err = w.files.Bytes()
	return w.out, err
}

// A describer collects the types that operations refer to.
type describer struct {
	out   *Description
	types schema.Describer
	files protofiles.Set
}

// reserve gives failures their own names before all other types: callers know them by those.
func (w *describer) reserve(specs []*spec) error {
	for _, own := range specs {
		for i := range own.failures {
			f := &own.failures[i]
			if err := w.types.Reserve(f.typ, f.name); err != nil {
				return transport.CodeInvalidArgument.Errorf("the failures %w", err)
			}
		}
	}
	return nil
}

func (w *describer) operation(own *spec) (Operation, error) {
	o := Operation{
		Destination: own.destination, Style: own.style, Needs: needs(own.style),
		Idempotent: own.idempotent, Keyed: own.key != nil,
	}
	if own.rule != nil {
		o.HTTP = own.rule.String()
	}
	for _, f := range own.replyFields {
		o.ReplyHeader = append(o.ReplyHeader, f.key)
	}
	err := own.eachType(func(role string, t reflect.Type) error {
		s, err := w.types.Type(t)
		if s != nil && s.Kind == "message" {
			w.types.Types[s.Type].Type, _ = w.files.Add(t)
		}
		switch role {
		case "request":
			o.Request = s
		case "reply":
			o.Reply = s
		}
		return err
	})
	for i := range own.failures {
		if o.Failures == nil {
			o.Failures = make(map[string]transport.Code)
		}
		o.Failures[own.failures[i].name] = own.failures[i].code
	}
	for i := range own.params {
		s, paramErr := w.types.Type(own.params[i].shape.Type)
		if paramErr != nil {
			return o, errors.Join(err, paramErr)
		}
		s.Name = own.params[i].name
		o.Params = append(o.Params, *s)
	}
	return o, err
}
