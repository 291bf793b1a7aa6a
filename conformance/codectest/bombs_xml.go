package codectest

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/polywire/polywire/codecs"
)

// xmlRoot is the name of the root element that c writes for v.
func xmlRoot(c codecs.Codec, v any) string {
	body, err := c.Append(nil, v)
	if err != nil {
		return "value"
	}
	_, rest, _ := bytes.Cut(body, []byte("<"))
	for bytes.HasPrefix(rest, []byte("?")) {
		_, rest, _ = bytes.Cut(rest, []byte("<"))
	}
	if end := bytes.IndexAny(rest, " />"); end > 0 {
		return string(rest[:end])
	}
	return "value"
}

func xmlBombs(c codecs.Codec) []Bomb {
	var l bombList
	xmlEntities(&l, c)
	xmlOpeners(&l, c)
	for _, v := range []any{text{}, lists{}, maps{}, instants{}, nest{}} {
		root := xmlRoot(c, v)
		open, end := "<"+root+">", "</"+root+">"
		for _, size := range []int{small, middle, large} {
			l.add("text where none belongs", v, run{open, "a", end}, size)
			l.add("text without end", v, run{open, "a", ""}, size)
			l.add("elements that nobody knows", v, run{open, "<u/>", end}, size)
		}
		l.add("text between elements", v, run{open, "<u/>a", end}, middle)
		l.add("comments", v, run{open, "<!-- -->", end}, large)
		l.add("CDATA", v, run{open, "<![CDATA[]]>", end}, large)
	}
	root := xmlRoot(c, lists{})
	many := func(int) string { return "<" + root + ">" }
	for _, size := range []int{small, middle, large} {
		for _, item := range []string{"<i>0</i>", "<s/>", "<p/>", "<q/>", "<n/>", "<m/>", "<o/>", "<s><item/></s>", "<p><item/></p>"} {
			l.fill("items "+item, lists{}, items{many, item, "</" + root + ">"}, size)
		}
	}
	return l
}

func xmlEntities(l *bombList, c codecs.Codec) {
	root := xmlRoot(c, text{})
	var laughs strings.Builder
	fmt.Fprintf(&laughs, "<!DOCTYPE %s [<!ENTITY a0 \"ha\">", root)
	for i := range 12 {
		fmt.Fprintf(&laughs, `<!ENTITY a%d "%s">`, i+1, strings.Repeat(fmt.Sprintf("&a%d;", i), 10))
	}
	body := fmt.Sprintf("<%s><s>&a12;</s></%s>", root, root)
	l.one("a billion laughs", text{}, laughs.String()+"]>"+body)
	l.one("an external entity", text{}, `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>`+strings.ReplaceAll(body, "a12", "x"))
	l.one("an external entity by a parameter", text{}, `<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1/x.dtd">%x;]>`+body)
	l.one("an external document type", text{}, `<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd">`+body)
	l.one("a document type without end", text{}, "<!DOCTYPE a [")
	l.one("an undeclared entity", text{}, body)
	l.add("entities", text{}, run{"<" + root + "><s>", "&amp;", "</s></" + root + ">"}, large)
	l.add("undeclared entities", text{}, run{"<" + root + "><s>", "&a;", "</s></" + root + ">"}, middle)
	l.add("an entity without end", text{}, run{"<" + root + "><s>&", "a", ""}, large)
	l.add("references to characters", text{}, run{"<" + root + "><s>", "&#65;", "</s></" + root + ">"}, large)
	l.add("references to no characters", text{}, run{"<" + root + "><s>", "&#0;", "</s></" + root + ">"}, middle)
	l.add("a reference of many digits", text{}, run{"<" + root + "><s>&#", "9", ";</s></" + root + ">"}, large)
	l.add("a document type of many declarations", text{}, run{"<!DOCTYPE a [", `<!ENTITY b "c">`, "]>" + body}, large)
	l.add("nested brackets of a declaration", text{}, run{"<!DOCTYPE a ", "<", ""}, large)
	l.add("processing instructions", text{}, run{"", "<?p?>", body}, large)
	l.add("a processing instruction without end", text{}, run{"<?", "p", ""}, large)
	l.add("a comment without end", text{}, run{"<!--", "-", ""}, large)
	l.add("CDATA without end", text{}, run{"<" + root + "><s><![CDATA[", "]", ""}, large)
	for _, enc := range []string{"UTF-16", "ISO-8859-1", "UTF-7", "x"} {
		l.one("encoding "+enc, text{}, `<?xml version="1.0" encoding="`+enc+`"?>`+body)
	}
}

func xmlOpeners(l *bombList, c codecs.Codec) {
	root := xmlRoot(c, nest{})
	for _, opener := range []string{"<a>", "<in>", "<list>", "<by>", "<deep>", "<u><v>", "<list><item>", "<deep><item><item>", "<a><![CDATA[x]]>", "<a b='c'>"} {
		for _, size := range []int{small, middle, large} {
			l.add("openers "+opener, nest{}, run{"<" + root + ">", opener, ""}, size)
		}
	}
	for _, size := range []int{small, middle, large} {
		l.add("one attribute again and again", nest{}, run{"<" + root, " a='b'", "></" + root + ">"}, size)
		l.add("one namespace again and again", nest{}, run{"<" + root, " xmlns:a='b'", "></" + root + ">"}, size)
		l.add("a long name", nest{}, run{"<", "a", "></a>"}, size)
		l.add("a long attribute", nest{}, run{"<" + root + " a='", "b", "'></" + root + ">"}, size)
		l.add("prefixes", nest{}, run{"<" + root + ">", "<a:b/>", "</" + root + ">"}, size)
		l.add("colons", nest{}, run{"<" + root + "><", ":", "/></" + root + ">"}, size)
	}
	attributes := func(format string) func() []byte {
		return func() []byte {
			var b strings.Builder
			b.WriteString("<" + root)
			for i := range 100_000 {
				fmt.Fprintf(&b, format, i)
			}
			return []byte(b.String() + "></" + root + ">")
		}
	}
	*l = append(*l,
		Bomb{Name: "100,000 attributes", Into: nest{}, Data: attributes(" a%d=''")},
		Bomb{Name: "100,000 namespaces", Into: nest{}, Data: attributes(" xmlns:a%d='b'")},
	)
	for _, junk := range []string{"<", ">", "&", "</a>", "]]>", "\x00", "\xff", "\ufeff", "<a", "<a/><b/>", "<?xml version='1.0'?>", "<!", "{}", " "} {
		l.add(fmt.Sprintf("junk %q", junk), nest{}, run{"", junk, ""}, middle)
	}
}
