package protocodec

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// A layout is what limits need to know of a generated message, without asking its
// descriptor for each record.
type layout struct {
	descriptor protoreflect.MessageDescriptor
	parts      []*part                    // by number, as far as maxDense: fields that are lists, maps or messages
	sparse     map[protowire.Number]*part // of the numbers beyond
	numbers    int                        // lists of numbers among them
	levels     int                        // how deep such messages nest at most; endless without bound
	entry      bool                       // of a map, and no level by itself
	extended   bool                       // or can be
	cache      *layoutCache               // where the layouts of extensions are
}

const endless = 1 << 30

// A part is a field that is a list, a map or a message.
type part struct {
	repeated bool           // a level of depth by itself
	group    bool           // in the form of a group
	inner    *layout        // of messages and entries of maps
	wire     protowire.Type // of the items of a list of numbers; BytesType for what is none
	slot     int            // of a list of numbers; -1 where the engine makes no room by the record
}

// find returns the part of that number, also of a known extension, or nil for what
// is one scalar or unknown.
func (l *layout) find(num protowire.Number) *part {
	if int(num) < len(l.parts) {
		if p := l.parts[num]; p != nil {
			return p
		}
	} else if p := l.sparse[num]; p != nil {
		return p
	}
	if !l.extended || !l.descriptor.ExtensionRanges().Has(num) {
		return nil
	}
	x, err := protoregistry.GlobalTypes.FindExtensionByNumber(l.descriptor.FullName(), num)
	if err != nil {
		return nil
	}
	p := newPart(x.TypeDescriptor())
	if m := x.TypeDescriptor().Message(); p != nil && m != nil {
		p.inner = l.cache.of(m)
	}
	return p
}

// A layoutCache makes the layout of each type once. The zero value is ready.
type layoutCache struct {
	known sync.Map // protoreflect.MessageDescriptor to *layout

	mu    sync.Mutex // held while layouts are made; guards count
	count int        // of known
}

func (c *layoutCache) of(md protoreflect.MessageDescriptor) *layout {
	const maxTypes = 4096 // a program that makes types at run time starts over
	if l, ok := c.known.Load(md); ok {
		return l.(*layout)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count >= maxTypes {
		c.known.Clear()
		c.count = 0
	}
	made := make(layouts)
	l := made.of(md)
	for _, each := range made {
		each.cache = c
	}
	c.known.Store(md, l)
	c.count++
	return l
}

// layouts are those of one type and of what is in it.
type layouts map[protoreflect.MessageDescriptor]*layout

// of makes a layout. A type is endless while it is looked into, so one that leads
// back to itself is found to be.
func (ls layouts) of(md protoreflect.MessageDescriptor) *layout {
	if l := ls[md]; l != nil {
		return l
	}
	l := &layout{descriptor: md, levels: endless, entry: md.IsMapEntry(), extended: md.ExtensionRanges().Len() > 0}
	ls[md] = l
	levels := 1
	for i := range md.Fields().Len() {
		f := md.Fields().Get(i)
		p := newPart(f)
		if p == nil {
			continue
		}
		if f.Message() != nil {
			p.inner = ls.of(f.Message())
		}
		if p.wire != protowire.BytesType {
			p.slot = l.numbers
			l.numbers++
		}
		l.add(f.Number(), p)
		levels = max(levels, 1+p.levels(f))
	}
	if !l.extended {
		l.levels = min(levels, endless)
	}
	return l
}

func (l *layout) add(num protowire.Number, p *part) {
	if num >= maxDense {
		if l.sparse == nil {
			l.sparse = make(map[protowire.Number]*part)
		}
		l.sparse[num] = p
		return
	}
	for len(l.parts) <= int(num) {
		l.parts = append(l.parts, nil)
	}
	l.parts[num] = p
}

// newPart returns the part of a field without what is in it, or nil.
func newPart(f protoreflect.FieldDescriptor) *part {
	p := &part{repeated: f.Cardinality() == protoreflect.Repeated, group: f.Kind() == protoreflect.GroupKind, wire: protowire.BytesType, slot: -1}
	if f.IsList() {
		p.wire = packable(f.Kind())
	}
	if !p.repeated && f.Message() == nil {
		return nil
	}
	return p
}

// levels returns how many levels the field adds below its message. The entry of a
// map is none: what the key leads to is.
func (p *part) levels(f protoreflect.FieldDescriptor) int {
	n := 0
	if p.repeated {
		n++
	}
	switch {
	case f.IsMap() && f.MapValue().Message() == nil:
	case f.IsMap():
		n += p.inner.levels - 1
	case p.inner != nil:
		n += p.inner.levels
	}
	return n
}

// packable returns the wire type of the items of a list that may be packed, and
// that of bytes for what may not.
func packable(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind, protoreflect.GroupKind:
		return protowire.BytesType
	case protoreflect.FloatKind, protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return protowire.Fixed32Type
	case protoreflect.DoubleKind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return protowire.Fixed64Type
	default:
		return protowire.VarintType
	}
}
