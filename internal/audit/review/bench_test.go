package review_test

import (
	"io"
	"testing"

	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/ui"
)

// BenchmarkExport measures what a row costs beside its reading.
func BenchmarkExport(b *testing.B) {
	row := rowWith(map[review.Field]string{review.Time: "2026-01-02 03:04:05.123456", review.ID: "1234567", review.Action: "integration.updated", review.User: alice, review.Address: "10.0.13.7",
		review.Tenant: acme, review.Details: `{"path": "/api/thing/1234567", "agent": "Mozilla/5.0"}`})
	for _, format := range review.Formats() {
		b.Run(string(format), func(b *testing.B) {
			exporter := review.NewExporter(io.Discard, format, "1.0", ui.Clean)
			b.ReportAllocs()
			for b.Loop() {
				if err := exporter.Add(row); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
