package gitrepo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ocmt/ocmt/internal/crash"

	"github.com/ocmt/ocmt/internal/leak"
)

// maxObjects is how many objects are named for each secret, and how many contents of each env file: those
// with the smallest hashes, so that a repack does not change which they are. The rest is counted.
const maxObjects = 20

// Scan is what a look at all objects saw.
type Scan struct {
	Objects  int64
	Bytes    int64
	Finds    []Find    // by secret
	EnvFiles []EnvFile // by name
	// Incomplete says why not everything was seen: ErrShallow, ErrPartial, ErrMissingObjects,
	// ErrMissingAlternate, ErrUnreadable, ErrSlow, ErrIrregular. It is empty if everything was.
	Incomplete []error
}

// Find is a secret in the objects of a repository.
type Find struct {
	Secret string // the setting
	Forms  []leak.Form
	Count  int64 // of objects
	// Objects are the first of them, by hash.
	Objects []Object
}

// Object is an object that has something.
type Object struct {
	ID   string // its hash
	Kind string // "blob", "tree", "commit" or "tag"
}

// EnvFile is a file that was committed, or staged in a tree, under the name of an env file.
type EnvFile struct {
	Name  string
	Count int64 // of different contents
	// Blobs are the first of their hashes, in order.
	Blobs []string
}

// Scan searches all objects of the repository: those of every branch, stash, note and tag, and those
// that nothing leads to any more. It says in Incomplete what it could not see; the error is that of
// the context.
func (r *Repository) Scan(ctx context.Context) (*Scan, error) {
	incomplete := r.findUnreadable()
	if slices.ContainsFunc(incomplete, func(err error) bool { return errors.Is(err, ErrIrregular) }) {
		return &Scan{Incomplete: incomplete}, nil
	}
	// The walk that looks for gaps needs a fraction of the time, and runs beside the search.
	gaps := make(chan []error, 1)
	crash.Go(func() { gaps <- r.findGaps(ctx) })
	limited, cancel := r.searching(ctx)
	defer cancel()
	s, complaint, err := r.searchObjects(limited)
	incomplete = append(incomplete, <-gaps...)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	scan := s.result()
	switch {
	case err != nil:
		incomplete = append(incomplete, fmt.Errorf("%w: %w", ErrUnreadable, err))
	case complaint != "":
		incomplete = append(incomplete, fmt.Errorf("%w: %s", ErrUnreadable, complaint))
	case s.missing > 0: // git has listed them, and could not open them
		incomplete = append(incomplete, fmt.Errorf("%w: %d objects", ErrUnreadable, s.missing))
	}
	scan.Incomplete = incomplete
	return scan, nil
}

// scanner collects what is in objects.
type scanner struct {
	matcher *leak.Matcher
	scan    Scan
	finds   map[string]*Find
	names   map[string]map[string]bool // blobs by name
	tree    treeReader
	missing int64
}

func newScanner(matcher *leak.Matcher) *scanner {
	s := &scanner{matcher: matcher, finds: map[string]*Find{}, names: map[string]map[string]bool{}}
	s.tree.found = s.addEnvFile
	return s
}

func (s *scanner) readAll(r io.Reader) error {
	b, stream := newBatchReader(r), s.matcher.NewStream()
	defer func() { s.missing = b.missing }()
	for {
		o, err := b.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s.tree.begin(len(o.id) / 2)
		divided := false
		err = b.body(o.size, func(p []byte, last bool) {
			if o.kind == "tree" {
				s.tree.read(p)
			}
			switch {
			case last && !divided:
				s.add(o, s.matcher.Find(p))
			case !divided:
				divided = true
				stream.Reset()
				fallthrough
			default:
				_, _ = stream.Write(p)
			}
		})
		if divided {
			s.add(o, stream.Hits())
		}
		if err != nil {
			return err
		}
		s.scan.Objects++
		s.scan.Bytes += o.size
	}
}

// add notes the secrets of an object.
func (s *scanner) add(o object, hits []leak.Hit) {
	counted := ""
	for _, hit := range hits { // by name
		f := s.finds[hit.Name]
		if f == nil {
			f = &Find{Secret: hit.Name}
			s.finds[hit.Name] = f
		}
		if !slices.Contains(f.Forms, hit.Form) {
			f.Forms = append(f.Forms, hit.Form)
		}
		if counted == hit.Name {
			continue
		}
		counted = hit.Name
		f.Count++
		f.Objects = keepSmallest(f.Objects, Object{o.id, o.kind})
	}
}

// merge adds what another scanner has collected from other objects.
func (s *scanner) merge(other *scanner) {
	s.scan.Objects += other.scan.Objects
	s.scan.Bytes += other.scan.Bytes
	s.missing += other.missing
	for name, found := range other.finds {
		f := s.finds[name]
		if f == nil {
			s.finds[name] = found
			continue
		}
		f.Count += found.Count
		for _, form := range found.Forms {
			if !slices.Contains(f.Forms, form) {
				f.Forms = append(f.Forms, form)
			}
		}
		for _, o := range found.Objects {
			f.Objects = keepSmallest(f.Objects, o)
		}
	}
	for name, blobs := range other.names {
		for blob := range blobs {
			s.addEnvFile(name, blob)
		}
	}
}

// keepSmallest adds an object to a list in the order of hashes, and returns the first of it.
func keepSmallest(list []Object, o Object) []Object {
	at, _ := slices.BinarySearchFunc(list, o, func(a, b Object) int { return cmp.Compare(a.ID, b.ID) })
	if at >= maxObjects {
		return list
	}
	list = slices.Insert(list, at, o)
	return list[:min(len(list), maxObjects)]
}

func (s *scanner) addEnvFile(name, blob string) {
	if s.names[name] == nil {
		s.names[name] = map[string]bool{}
	}
	s.names[name][blob] = true
}

// result returns what was collected, in an order that does not depend on that of the objects.
func (s *scanner) result() *Scan {
	scan := s.scan
	for _, f := range s.finds {
		slices.Sort(f.Forms)
		scan.Finds = append(scan.Finds, *f)
	}
	slices.SortFunc(scan.Finds, func(a, b Find) int { return cmp.Compare(a.Secret, b.Secret) })
	for name, blobs := range s.names {
		e := EnvFile{Name: name, Count: int64(len(blobs))}
		for blob := range blobs {
			e.Blobs = append(e.Blobs, blob)
		}
		slices.Sort(e.Blobs)
		e.Blobs = e.Blobs[:min(len(e.Blobs), maxObjects)]
		scan.EnvFiles = append(scan.EnvFiles, e)
	}
	slices.SortFunc(scan.EnvFiles, func(a, b EnvFile) int { return cmp.Compare(a.Name, b.Name) })
	return &scan
}
