package config

import "reflect"

// fromFile is an option that can stand in a file of its own: it tells whether a text in its place is the name of one, and what
// such a file must look like.
type fromFile interface {
	FromFile(text string) bool
	FileHint() string
}

// include puts the content of files in the place of their names, where an option is of that kind. What is wrong in such a
// file is reported at its place there.
func (l *loader) include() {
	walk(l.root, documentType, nil, func(n *node, t reflect.Type, p path) {
		option, ok := reflect.Zero(t).Interface().(fromFile)
		if !ok || n.kind != text || !option.FromFile(n.text) {
			return
		}
		name := l.near(n.text)
		data, err := l.open(name, maxFile)
		if err != nil {
			l.add(p, n.at, "the file cannot be read: "+err.Error(), "the path is relative to this file")
			return
		}
		in := &inclusion{file: name, at: n.at}
		inner := &loader{name: name, env: l.env, open: l.open, hint: option.FileHint()}
		tree := inner.read(data)
		for _, m := range inner.mistakes {
			m.at.in = in
			l.add(p, m.at, m.Message, m.Hint)
		}
		l.secrets = append(l.secrets, inner.secrets...)
		if tree == nil {
			return
		}
		in.mark(tree, map[*node]bool{})
		*n = *tree
	})
}

// mark notes below n that it stands in the file.
func (in *inclusion) mark(n *node, seen map[*node]bool) {
	if seen[n] {
		return // an alias
	}
	seen[n] = true
	n.at.in = in
	for i := range n.fields {
		n.fields[i].at.in = in
		in.mark(n.fields[i].node, seen)
	}
	for _, item := range n.items {
		in.mark(item, seen)
	}
}
