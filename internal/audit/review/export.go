package review

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Format is a form in which rows are exported.
type Format string

// The formats: JSON Lines; CSV (RFC 4180); and the Common Event Format of ArcSight, version 0.
const (
	JSONL Format = "jsonl"
	CSV   Format = "csv"
	CEF   Format = "cef"
)

// Formats returns all formats.
func Formats() []Format { return []Format{JSONL, CSV, CEF} }

// Exporter writes rows in a format. It serves one goroutine. Close writes what is left.
type Exporter struct {
	out     io.Writer
	add     func(dst []byte, row *Row) []byte
	buffer  []byte
	details []byte // room for the details of a row
	rows    int64
	version string // as CEF writes it
	clean   func(string) string
}

// exportBuffer is how many bytes are collected before they are written.
const exportBuffer = 256 << 10

// NewExporter returns an exporter that writes to out. The version is that of the program, which CEF
// names. Clean makes the characters of a text visible that a terminal would act on.
func NewExporter(out io.Writer, format Format, version string, clean func(string) string) *Exporter {
	e := &Exporter{out: out, version: string(appendCEFText(nil, []byte(clean(version)), true)), clean: clean}
	switch format {
	case CSV:
		e.add = e.appendCSV
		for field := range FieldCount {
			if e.buffer = append(e.buffer, field.String()...); field == Time {
				e.buffer = append(e.buffer, ",source"...)
			}
			e.buffer = append(e.buffer, ',')
		}
		e.buffer = append(e.buffer[:len(e.buffer)-1], "\r\n"...)
	case CEF:
		e.add = e.appendCEF
	default:
		e.add = e.appendJSON
	}
	return e
}

// Add adds a row.
func (e *Exporter) Add(row *Row) error {
	e.buffer = e.add(e.buffer, row)
	if e.rows++; len(e.buffer) < exportBuffer {
		return nil
	}
	return e.flush()
}

// Close writes what is left.
func (e *Exporter) Close() error { return e.flush() }

// Rows returns how many rows were added.
func (e *Exporter) Rows() int64 { return e.rows }

func (e *Exporter) flush() error {
	_, err := e.out.Write(e.buffer)
	e.buffer = e.buffer[:0]
	if err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	return nil
}

// appendJSON adds a row as a line of JSON. A field that the row does not have is null.
func (e *Exporter) appendJSON(dst []byte, row *Row) []byte {
	dst = append(dst, `{"source":"`...)
	dst = append(dst, row.Source...)
	dst = append(dst, '"')
	for field := range FieldCount {
		dst = append(dst, `,"`...)
		dst = append(dst, fieldNames[field]...)
		dst = append(dst, `":`...)
		text := row.Fields[field]
		switch {
		case text == nil:
			dst = append(dst, "null"...)
		case field == Details:
			dst = appendDetails(dst, text)
		case field == Success:
			dst = strconv.AppendBool(dst, string(text) == "t")
		case field == Time:
			dst = append(dst, '"')
			dst = appendTime(dst, text)
			dst = append(dst, '"')
		default:
			dst = appendString(dst, text)
		}
	}
	return append(dst, "}\n"...)
}

// appendCSV adds a row as a record of CSV.
func (e *Exporter) appendCSV(dst []byte, row *Row) []byte {
	for field := range FieldCount {
		switch text := row.Fields[field]; {
		case field == Time:
			if len(text) > 0 && text[0] == '-' { // infinity
				dst = e.appendCell(dst, text)
			} else {
				dst = appendTime(dst, text)
			}
			dst = append(append(dst, ','), row.Source...)
		case text == nil:
		case field == Details:
			e.details = appendDetails(e.details[:0], text)
			dst = e.appendCell(dst, e.details)
		case field == Success:
			dst = strconv.AppendBool(dst, string(text) == "t")
		default:
			dst = e.appendCell(dst, text)
		}
		dst = append(dst, ',')
	}
	return append(dst[:len(dst)-1], "\r\n"...)
}

// appendCell adds a cell of CSV. A spreadsheet would take a cell for a formula that begins with one of
// =, +, -, @, a tab or a carriage return: an apostrophe before it makes it a text (OWASP, CSV Injection).
func (e *Exporter) appendCell(dst, text []byte) []byte {
	if len(text) == 0 {
		return dst
	}
	guard := bytes.IndexByte([]byte("=+-@\t\r"), text[0]) >= 0
	text = e.cleaned(text)
	if !guard && bytes.IndexByte(text, '"') < 0 && bytes.IndexByte(text, ',') < 0 {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	if guard {
		dst = append(dst, '\'')
	}
	for _, b := range text {
		if b == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, b)
	}
	return append(dst, '"')
}

// cleaned returns a text without characters that a terminal would act on.
func (e *Exporter) cleaned(text []byte) []byte {
	for at := 0; at < len(text); {
		if b := text[at]; b >= ' ' && b < 0x7f {
			at++
			continue
		}
		r, size := utf8.DecodeRune(text[at:])
		if !unicode.IsGraphic(r) || r == utf8.RuneError {
			return []byte(e.clean(string(text)))
		}
		at += size
	}
	return text
}

// cefKeys are the keys of the fields in CEF's dictionary; custom strings have a label beside them.
var cefKeys = [FieldCount]string{ID: "externalId", User: "suid", Target: "duid", Error: "reason", Agent: "requestClientApplication", Object: "fname"}

// cefLabels are the fields that CEF has no key of its own for, in the order of its custom strings.
var cefLabels = []Field{Group, Tenant, Origin, Severity, Details}

// appendCEF adds a row as an event of CEF.
func (e *Exporter) appendCEF(dst []byte, row *Row) []byte {
	outcome := outcomeOf(row)
	dst = append(dst, "CEF:0|OCMT|ocmt|"...)
	dst = append(append(dst, e.version...), '|')
	start := len(dst) // the action is the id of the event and its name
	dst = append(appendCEFText(dst, e.cleaned(row.Fields[Action]), true), '|')
	dst = append(dst, dst[start:]...)
	dst = append(dst, cefSeverity(row, outcome), '|')
	dst = append(dst, "cs1Label=source cs1="...)
	dst = append(dst, row.Source...)
	if text := row.Fields[Time]; text != nil {
		if at, err := time.Parse(time.DateTime, string(text)); err == nil {
			dst = strconv.AppendInt(append(dst, " rt="...), at.UnixMilli(), 10)
		}
	}
	if outcome != "" {
		dst = append(append(dst, " outcome="...), outcome...)
	}
	dst = e.appendCEFAddress(dst, row.Fields[Address])
	for field, key := range cefKeys {
		if text := row.Fields[field]; key != "" && len(text) > 0 {
			dst = append(append(append(dst, ' '), key...), '=')
			dst = appendCEFText(dst, e.cleaned(text), false)
		}
	}
	for i, field := range cefLabels {
		text := row.Fields[field]
		if text == nil {
			continue
		}
		if field == Details {
			e.details = appendDetails(e.details[:0], text)
			text = e.details
		}
		number := byte('2' + i)
		dst = append(append(append(dst, " cs"...), number), "Label="...)
		dst = append(dst, field.String()...)
		dst = append(append(append(dst, " cs"...), number), '=')
		dst = appendCEFText(dst, e.cleaned(text), false)
	}
	return append(dst, '\n')
}

// appendCEFAddress adds an address under the key of its family: that which --ip compares. A text that is another one
// goes into shost, whether or not there is an address in it.
func (e *Exporter) appendCEFAddress(dst, text []byte) []byte {
	if text == nil {
		return dst
	}
	address, err := netip.ParseAddr(string(text))
	if err != nil || address.Zone() != "" {
		dst = appendCEFText(append(dst, " shost="...), e.cleaned(text), false)
		address, err = netip.ParseAddr(plainAddress(string(text)))
	}
	switch {
	case err != nil || address.Zone() != "":
		return dst
	case address.Unmap().Is4():
		return append(append(dst, " src="...), address.Unmap().String()...)
	default:
		dst = append(dst, " c6a2Label=Source IPv6 Address c6a2="...)
		return append(dst, address.String()...)
	}
}

// cefSeverity returns a severity from 0 to 9, as one character.
func cefSeverity(row *Row, outcome string) byte {
	switch strings.ToLower(string(row.Fields[Severity])) {
	case "critical":
		return '9'
	case "high", "error":
		return '8'
	case "medium", "warning":
		return '5'
	}
	if outcome == Failed {
		return '5'
	}
	return '3'
}

// appendCEFText adds a text of a header, where | ends a field, or of the extension, where = ends a key.
// Line breaks have been made visible before.
func appendCEFText(dst, text []byte, header bool) []byte {
	special := byte('=')
	if header {
		special = '|'
	}
	start := 0
	for at, b := range text {
		if b == '\\' || b == special {
			dst = append(append(dst, text[start:at]...), '\\')
			start = at
		}
	}
	return append(dst, text[start:]...)
}
