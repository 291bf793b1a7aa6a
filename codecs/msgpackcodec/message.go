package msgpackcodec

import (
	"fmt"
	"reflect"

	"github.com/polywire/polywire/codecs"
	"google.golang.org/protobuf/proto"
)

// isMessage reports whether t is a generated message, or a pointer to one.
func isMessage(t reflect.Type) bool {
	message := reflect.TypeFor[proto.Message]()
	return t.Implements(message) || t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(message)
}

// refuseMessage is the error of every generated message.
func refuseMessage(t reflect.Type) error {
	return fmt.Errorf("%w: %s is a generated message, which msgpack does not carry yet; use json for it, or a plain struct", codecs.ErrUnsupported, t)
}
