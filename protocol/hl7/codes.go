package hl7

import (
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7/er7"
)

const numCauses = int(protocol.InProcess) + 1

// reply is how something is said in an acknowledgement of processing and in one of acceptance. An empty code says nothing.
type reply struct{ application, accept string }

// codes are replies by class and cause, and by the field that is wrong.
type codes struct {
	by     [protocol.NumClasses][numCauses]reply
	header reply // MSH-9, 11 or 12 is the reason
	fields map[string]reply
}

// standard are the replies of each class (HL7 v2.8.2, 2.9.2.2 and 2.9.3.2; table 0008).
var standard = [protocol.NumClasses]reply{
	protocol.Fix:       {"AE", "CE"},
	protocol.Later:     {"AR", "CE"},
	protocol.Denied:    {"AE", "CE"},
	protocol.Duplicate: {"AE", "CE"},
	protocol.Failed:    {"AR", "CE"},
}

// headerKey names, in a configuration, the reply to a message whose type, processing id or version is the reason.
const headerKey = "header"

func (c *Codec) setCodes(m *mistakes, own map[string]string) {
	c.codes.header = reply{"AR", "CR"}
	c.codes.fields = map[string]reply{}
	for class := range protocol.Class(protocol.NumClasses) {
		for cause := range numCauses {
			c.codes.by[class][cause] = standard[class]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		r, ok := replyOf(own[name])
		if !ok {
			m.bad("codes."+name, "%q is none of AE, AR, AE/CE, AE/CR, AR/CE, AR/CR or nothing", own[name])
		}
		if !c.codes.set(name, r, own) {
			m.bad("codes", "%q is no class and no cause of a notice, not %q, and no place such as PID-3", name, headerKey)
		}
	}
}

// set puts r where name says: a cause goes before a class.
func (t *codes) set(name string, r reply, own map[string]string) bool {
	if name == headerKey {
		t.header = r
		return true
	}
	known := false
	for class := range protocol.Class(protocol.NumClasses - 1) {
		for cause := range protocol.Cause(numCauses) {
			_, finer := own[cause.String()]
			if name == cause.String() || name == class.String() && !finer {
				t.by[class][cause] = r
			}
			known = known || name == cause.String()
		}
		known = known || name == class.String()
	}
	if _, err := er7.ParsePath(name); err == nil && !known {
		t.fields[name] = r
		return true
	}
	return known
}

// replyOf reads "AR", which is said as CR where acceptance is acknowledged, or "AR/CE".
func replyOf(text string) (reply, bool) {
	if text == "" {
		return reply{}, true
	}
	application, accept, both := strings.Cut(text, "/")
	if !both && len(application) == 2 {
		accept = "C" + application[1:]
	}
	return reply{application, accept}, (application == "AE" || application == "AR") && (accept == "CE" || accept == "CR")
}

// find returns the reply to n.
func (t *codes) find(n *protocol.Notice) reply {
	if n.Class == protocol.Fix || n.Class == protocol.Denied {
		for i := range n.Reasons {
			path := n.Reasons[i].Path
			if r, ok := t.fields[path]; ok {
				return r
			}
			if isHeader(path) {
				return t.header
			}
		}
	}
	return t.by[n.Class][n.Cause]
}

// isHeader reports whether path is the type, the processing id or the version of a message.
func isHeader(path string) bool {
	field, _, _ := strings.Cut(path, ".")
	return field == "MSH-9" || field == "MSH-11" || field == "MSH-12"
}

// condition is an entry of HL7 table 0357.
type condition struct{ code, text string }

// append appends code, text and the name of the table, with delim between them.
func (c condition) append(dst []byte, delim byte) []byte {
	dst = append(append(dst, c.code...), delim)
	dst = append(append(dst, c.text...), delim)
	return append(dst, "HL70357"...)
}

var (
	condOrder       = condition{"100", "Segment sequence error"}
	condRequired    = condition{"101", "Required field missing"}
	condType        = condition{"102", "Data type error"}
	condTable       = condition{"103", "Table value not found"}
	condLength      = condition{"104", "Value too long"}
	condCardinality = condition{"198", "Non-Conformant Cardinality"}
	condOther       = condition{"199", "Other HL7 Error"}
	condMessage     = condition{"200", "Unsupported message type"}
	condEvent       = condition{"201", "Unsupported event code"}
	condProcessing  = condition{"202", "Unsupported processing id"}
	condVersion     = condition{"203", "Unsupported version id"}
	condDuplicate   = condition{"205", "Duplicate key identifier"}
	condInternal    = condition{"207", "Application internal error"}
)

// rulesOf are the conditions that rules stand for: those of this codec, of profiles, and of validate.
var conditions = map[string]condition{
	"order": condOrder, "segment": condOrder, "lines": condOrder, "msh": condOrder,
	"required": condRequired, "present": condRequired, "conditional": condRequired,
	"type": condType, "format": condType, "delimiters": condType, "escape": condType, "pattern": condType, "regex": condType, "number": condType,
	"min": condType, "max": condType, "date": condType,
	"table": condTable, "enum": condTable, "in": condTable, "const": condTable, "constant": condTable, "charset": condTable,
	"length": condLength, "max_length": condLength,
	"cardinality": condCardinality, "forbidden": condCardinality,
	"message-type": condMessage, "event": condEvent, "processing-id": condProcessing, "version": condVersion,
}

// conditionOf returns the condition that says r best.
func conditionOf(n *protocol.Notice, r *protocol.Reason) condition {
	switch n.Class {
	case protocol.Duplicate:
		return condDuplicate
	case protocol.Later, protocol.Failed:
		return condInternal
	}
	if r == nil {
		return condOther
	}
	rule := r.Rule
	if i := strings.LastIndexByte(rule, '.'); i >= 0 {
		rule = rule[i+1:]
	}
	c, ok := conditions[rule]
	switch {
	case ok && c != condTable && c != condType:
		return c
	case strings.HasPrefix(r.Path, "MSH-9"):
		return condMessage
	case strings.HasPrefix(r.Path, "MSH-11"):
		return condProcessing
	case strings.HasPrefix(r.Path, "MSH-12"):
		return condVersion
	case ok:
		return c
	}
	return condOther
}
