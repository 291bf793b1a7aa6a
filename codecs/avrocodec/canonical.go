package avrocodec

import "strconv"

// canonical appends the Parsing Canonical Form: names in full, properties in one
// order, nothing that does not change the bytes. seen has the names that stand
// for what was written before.
func (n *node) canonical(dst []byte, seen map[string]bool) []byte {
	if n.name != "" {
		if seen[n.name] {
			return quote(dst, n.name)
		}
		seen[n.name] = true
		dst = append(dst, `{"name":`...)
		dst = quote(dst, n.name)
		dst = append(dst, `,"type":"`+n.kind.typ()+`",`...)
	}
	switch n.kind {
	case isFixed:
		dst = append(dst, `"size":`...)
		return append(strconv.AppendInt(dst, int64(n.size), 10), '}')
	case isEnum:
		dst = append(dst, `"symbols":[`...)
		for i, symbol := range n.symbols {
			dst = quote(comma(dst, i), symbol)
		}
		return append(dst, "]}"...)
	case isRecord:
		dst = append(dst, `"fields":[`...)
		for i, f := range n.fields {
			dst = quote(append(comma(dst, i), `{"name":`...), f.name)
			dst = append(f.node.canonical(append(dst, `,"type":`...), seen), '}')
		}
		return append(dst, "]}"...)
	case isArray:
		return append(n.items.canonical(append(dst, `{"type":"array","items":`...), seen), '}')
	case isMap:
		return append(n.items.canonical(append(dst, `{"type":"map","values":`...), seen), '}')
	case isUnion:
		dst = append(dst, '[')
		for i, branch := range n.branches {
			dst = branch.canonical(comma(dst, i), seen)
		}
		return append(dst, ']')
	default:
		return quote(dst, n.kind.typ())
	}
}

// comma appends what stands before item i.
func comma(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return dst
}

// quote appends a name, which has nothing to escape.
func quote(dst []byte, name string) []byte {
	return append(append(append(dst, '"'), name...), '"')
}
