package archtest

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

func TestEveryLockIsUnlocked(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, wrong := range locks(s) {
			t.Error(wrong)
		}
	}
}

// locks returns what is wrong with the locks of s. Mutexes are told from connections by
// their name: a mutex is called mu or ends in Mu, and all else that is locked gives a
// handle.
func locks(s *source) (wrong []string) {
	l := &locking{source: s, held: map[*ast.CallExpr]bool{}}
	for _, decl := range s.ast.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if ok && f.Body != nil && !l.isLock(f) {
			l.body(f.Body)
		}
	}
	return l.wrong
}

type locking struct {
	*source
	held  map[*ast.CallExpr]bool // handles that are taken as they should be
	wrong []string
}

func (l *locking) report(pos token.Pos, text string) { l.wrong = append(l.wrong, l.at(pos)+": "+text) }

// isLock is true of the functions that a Lock itself consists of, which leave the mutex
// of a connection locked.
func (l *locking) isLock(f *ast.FuncDecl) bool {
	return l.pkg == "tunnel" && f.Recv != nil && slices.Contains([]string{"Lock", "TryLock", "lock", "try"}, f.Name.Name)
}

// body looks through one function; those inside it are looked through by themselves,
// as they may run at another time.
func (l *locking) body(body *ast.BlockStmt) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.FuncLit:
			l.body(x.Body)
			return false
		case *ast.BlockStmt:
			l.take(x.List)
		case *ast.CaseClause:
			l.take(x.Body)
		case *ast.CommClause:
			l.take(x.Body)
		case *ast.CallExpr:
			l.call(x, body)
		}
		return true
	})
}

// take notes the handles that the statements take and give back as they should:
// "defer h.Unlock()" is the next statement, or the one after a test for nil.
func (l *locking) take(list []ast.Stmt) {
	for i, stmt := range list {
		assign, ok := stmt.(*ast.AssignStmt)
		if !ok || assign.Tok != token.DEFINE || len(assign.Lhs) != 1 || len(assign.Rhs) != 1 {
			continue
		}
		h, ok := assign.Lhs[0].(*ast.Ident)
		call, isCall := assign.Rhs[0].(*ast.CallExpr)
		if !ok || !isCall || h.Name == "_" {
			continue
		}
		rest := list[i+1:]
		if len(rest) > 0 && isNilTest(rest[0], h.Name) {
			rest = rest[1:]
		}
		if len(rest) > 0 && isDeferredUnlock(rest[0], h.Name) {
			l.held[call] = true
		}
	}
}

// isNilTest is true of "if h == nil { return ... }".
func isNilTest(stmt ast.Stmt, h string) bool {
	test, ok := stmt.(*ast.IfStmt)
	return ok && test.Init == nil && test.Else == nil && types.ExprString(test.Cond) == h+" == nil"
}

func isDeferredUnlock(stmt ast.Stmt, h string) bool {
	d, ok := stmt.(*ast.DeferStmt)
	return ok && types.ExprString(d.Call) == h+".Unlock()"
}

// call looks at one call within body.
func (l *locking) call(call *ast.CallExpr, body *ast.BlockStmt) {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) > 0 {
		return
	}
	unlock, ok := map[string]string{"Lock": "Unlock", "TryLock": "Unlock", "RLock": "RUnlock", "TryRLock": "RUnlock"}[sel.Sel.Name]
	if !ok {
		return
	}
	what := types.ExprString(sel.X)
	if isMutex(sel.X) {
		if !calls(body, what+"."+unlock) {
			l.report(call.Pos(), what+"."+sel.Sel.Name+"() without "+what+"."+unlock+"() in the same function")
		}
		return
	}
	if !l.held[call] {
		l.report(call.Pos(), what+"."+sel.Sel.Name+"(): want \"h := "+what+"."+sel.Sel.Name+
			"()\" with \"defer h.Unlock()\" as the next statement, or after \"if h == nil\" (a mutex is called mu or ends in Mu)")
	}
}

// isMutex tells by the last name of x.
func isMutex(x ast.Expr) bool {
	name := ""
	switch x := x.(type) {
	case *ast.Ident:
		name = x.Name
	case *ast.SelectorExpr:
		name = x.Sel.Name
	case *ast.IndexExpr:
		return isMutex(x.X)
	case *ast.ParenExpr:
		return isMutex(x.X)
	}
	return name == "mu" || strings.HasSuffix(name, "Mu")
}

// calls tells whether fun is called anywhere in body, deferred functions included.
func calls(body *ast.BlockStmt, fun string) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && types.ExprString(call.Fun) == fun {
			found = true
		}
		return !found
	})
	return found
}

func TestNoHandleIsKept(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, wrong := range kept(s) {
			t.Error(wrong)
		}
	}
}

// kept returns the places of s where a handle is a field, an element, a result or a
// variable of the package. Only Lock and TryLock themselves have it as their result.
func kept(s *source) (wrong []string) {
	report := func(typ ast.Expr, what string) {
		if isHandle(s, typ) {
			wrong = append(wrong, s.at(typ.Pos())+": a *tunnel.Held as "+what+": it is used in the function that took it and those it is passed down to")
		}
	}
	fields := func(list *ast.FieldList, what string) {
		if list == nil {
			return
		}
		for _, f := range list.List {
			report(f.Type, what)
		}
	}
	for _, decl := range s.ast.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range d.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok {
				report(v.Type, "a variable of the package")
			}
		}
	}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.FuncDecl:
			if s.pkg == "tunnel" && x.Recv != nil && (x.Name.Name == "Lock" || x.Name.Name == "TryLock") {
				return false
			}
		case *ast.FuncType:
			fields(x.Results, "a result")
		case *ast.StructType:
			fields(x.Fields, "a field")
		case *ast.ArrayType:
			report(x.Elt, "an element")
		case *ast.MapType:
			report(x.Key, "a key")
			report(x.Value, "an element")
		case *ast.ChanType:
			report(x.Value, "an element")
		}
		return true
	})
	return wrong
}

// isHandle is true of Held and *Held.
func isHandle(s *source, typ ast.Expr) bool {
	if typ == nil {
		return false
	}
	name := strings.TrimPrefix(types.ExprString(typ), "*")
	return name == "tunnel.Held" || s.pkg == "tunnel" && name == "Held"
}

func TestWrongLocksAreFound(t *testing.T) {
	const right = `
func good(vc *V)       { h := vc.Lock(); defer h.Unlock(); _ = h.Put(nil) }
func goodTry(vc *V)    { h := vc.TryLock(); if h == nil { return }; defer h.Unlock() }
func goodCall(o *O)    { h := o.VConn().Lock(); defer h.Unlock() }
func mutex(v *V)       { v.mu.Lock(); defer v.mu.Unlock() }
func local()           { var mu sync.Mutex; mu.Lock(); f(); mu.Unlock() }
func suffix(v *V)      { v.sendMu.Lock(); if f() { v.sendMu.Unlock(); return }; v.sendMu.Unlock() }
func deferred(v *V)    { v.mu.Lock(); defer func() { f(); v.mu.Unlock() }() }
func try(v *V)         { if v.mu.TryLock() { defer v.mu.Unlock() } }
func read(v *V)        { v.mu.RLock(); defer v.mu.RUnlock() }
func striped(v *V)     { v.mu[3].Lock(); defer v.mu[3].Unlock() }
func inCase(vc *V)     { switch { case f(): h := vc.Lock(); defer h.Unlock() } }
func inSelect(vc *V)   { select { case <-c: h := vc.Lock(); defer h.Unlock() } }
func inLoop(vs []*V)   { for _, vc := range vs { func() { h := vc.Lock(); defer h.Unlock() }() } }
func other(l *L)       { l.Lock(42); l.Unlocked() }
`
	if got := locks(fake(t, "gateway/right.go", right)); got != nil {
		t.Errorf("right: got %q, want none", got)
	}
	const wrong = `
func leak(vc *V)       { h := vc.Lock(); _ = h.Put(nil) }
func late(vc *V) error { h := vc.Lock(); if bad() { return err }; h.Unlock(); return nil }
func lateToo(vc *V)    { h := vc.Lock(); if bad() { return }; defer h.Unlock() }
func plain(vc *V)      { h := vc.Lock(); h.Unlock() }
func between(vc *V)    { h := vc.Lock(); f(); defer h.Unlock() }
func twice(vc *V)      { h := vc.TryLock(); if h == nil { return }; if h == nil { return }; defer h.Unlock() }
func otherOne(vc *V)   { h := vc.Lock(); defer g.Unlock() }
func dropped(vc *V)    { vc.Lock() }
func blank(vc *V)      { _ = vc.Lock() }
func deferredLock(vc *V) { defer vc.Lock() }
func passed(vc *V)     { use(vc.Lock()) }
func result(vc *V) *H  { return vc.Lock() }
func stored(s *S)      { s.h = s.vc.Lock(); defer s.h.Unlock() }
func inClosure(s *S)   { go func() { h := s.vc.Lock(); _ = h }() }
func inIf(vc *V)       { if h := vc.TryLock(); h != nil { h.Unlock() } }
func embedded(m *M)    { m.Lock(); defer m.Unlock() }
func mutexLeak(v *V)   { v.mu.Lock(); f() }
func otherMutex(v *V)  { v.mu.Lock(); w.mu.Unlock() }
func readLeak(v *V)    { v.mu.RLock(); v.mu.Unlock() }
func elsewhere(v *V)   { v.mu.Unlock(); go func() { v.mu.Lock() }() }
`
	found := locks(fake(t, "gateway/wrong.go", wrong))
	for i, line := range strings.Split(strings.TrimSpace(wrong), "\n") {
		at := "gateway/wrong.go:" + itoa(i+3) + ": " // after the package clause and an empty line
		n := 0
		for _, f := range found {
			if strings.HasPrefix(f, at) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s: got %d reports, want 1", line, n)
		}
	}
}

func TestOnlyTheLockItselfMayLeaveItsMutexLocked(t *testing.T) {
	const text = "func (vc *VConn) lock() { vc.mu.Lock() }"
	if got := locks(fake(t, "tunnel/vconn.go", text)); got != nil {
		t.Errorf("in tunnel: got %q, want none", got)
	}
	if got := locks(fake(t, "gateway/vconn.go", text)); len(got) != 1 {
		t.Errorf("in gateway: got %q, want one", got)
	}
}

func TestKeptHandlesAreFound(t *testing.T) {
	const text = `
func down(h *tunnel.Held) error { return h.Put(nil) }
func up() *tunnel.Held { return nil }
type S struct { h *tunnel.Held }
var all []*tunnel.Held
var one *tunnel.Held
var lit = func() (h *tunnel.Held, err error) { return }
var by map[string]*tunnel.Held
var pass chan *tunnel.Held
`
	if got := kept(fake(t, "gateway/keep.go", text)); len(got) != 7 {
		t.Errorf("got %q, want 7: one for each line but the first", got)
	}
	const lock = "func (vc *VConn) Lock() *Held { return &Held{vc: vc} }\nfunc (vc *VConn) held() *Held { return nil }"
	if got := kept(fake(t, "tunnel/vconn.go", lock)); len(got) != 1 {
		t.Errorf("in tunnel: got %q, want one, of held", got)
	}
}
