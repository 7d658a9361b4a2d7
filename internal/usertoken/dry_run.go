package usertoken

import (
	"context"

	"github.com/ocmt/ocmt/pkg/secret"
)

// DryRun is a Store that writes nothing. It reads what it was given to write in place of what stands in the rows,
// so that a run over it does everything else that a run does.
type DryRun struct {
	Reader

	written map[string]secret.Value
}

// NewDryRun returns a Store that reads from a reader.
func NewDryRun(reader Reader) *DryRun {
	return &DryRun{Reader: reader, written: map[string]secret.Value{}}
}

// Read implements Reader.
func (d *DryRun) Read(ctx context.Context, users []string) ([]Row, error) {
	rows, err := d.Reader.Read(ctx, users)
	for i, row := range rows {
		if text, there := d.written[row.User]; there {
			rows[i].Text = text
		}
	}
	return rows, err
}

// Write implements Writer.
func (d *DryRun) Write(_ context.Context, changes []Change) (written []string, err error) {
	for _, change := range changes {
		d.written[change.User] = change.New
		written = append(written, change.User)
	}
	return written, nil
}

// Flush implements Writer.
func (d *DryRun) Flush(context.Context) error { return nil }
