package audit_test

import (
	"context"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgaudit"
	"github.com/ocmt/ocmt/internal/postgres/pgdiscover"
	"github.com/ocmt/ocmt/internal/sampledata"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/testdata"
)

// BenchmarkEncryption compares all checks of values with a binary COPY of the same columns, in turns.
// OCMT_BENCH_AUDIT_ROWS says how many rows of user_integrations there are; each has one value or two.
func BenchmarkEncryption(b *testing.B) {
	rows, err := strconv.Atoi(os.Getenv("OCMT_BENCH_AUDIT_ROWS"))
	if err != nil {
		b.Skip("OCMT_BENCH_AUDIT_ROWS is not set: it takes seconds to minutes to fill the database")
	}
	keys := map[int]crypto.Key{0: {}}
	if keys[0], err = crypto.ParseKey(strings.Repeat("0f1e2d3c4b5a6978", 4)); err != nil {
		b.Fatal(err)
	}
	ring, err := crypto.NewKeyring(0, keys)
	if err != nil {
		b.Fatal(err)
	}
	server := testenv.Shared(b)
	name, err := server.CreateDatabase(b.Context(), testdata.Schema)
	if err != nil {
		b.Fatal(err)
	}
	address := server.URL("postgres", name)
	if err := sampledata.FillIntegrations(b.Context(), address, ring, rows); err != nil {
		b.Fatal(err)
	}
	if err := testenv.Exec(b.Context(), address, "vacuum (freeze, analyze)"); err != nil {
		b.Fatal(err)
	}
	settings := encSettings{"ENCRYPTION_KEY": keys[0].Reveal(), "ENCRYPTION_KEY_VERSION": "0"}
	var copies, checks, ratios, memory []float64
	for b.Loop() {
		bare := timeCopy(b, address)
		debug.FreeOSMemory()
		_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600) // begins the peak anew, where there is one
		checked := timeChecks(b, address, settings)
		copies, checks = append(copies, bare.Seconds()), append(checks, checked.Seconds())
		ratios, memory = append(ratios, checked.Seconds()/bare.Seconds()), append(memory, peakMemory())
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "x-of-COPY")
	// The fastest of each says what it takes on a machine that is busy with other things too.
	b.ReportMetric(slices.Min(checks)/slices.Min(copies), "x-of-COPY-fastest")
	b.ReportMetric(slices.Min(copies), "COPY-s")
	b.ReportMetric(slices.Min(checks), "checks-s")
	b.ReportMetric(slices.Max(memory), "peak-MiB")
}

// timeCopy reads the columns that the checks read, and discards them.
func timeCopy(b *testing.B, address string) time.Duration {
	conn, err := pgx.Connect(b.Context(), address)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.Background())
	began := time.Now()
	for _, columns := range []string{"user_integrations (id, access_token_encrypted, refresh_token_encrypted, api_key_encrypted)", "users (id, gateway_token)"} {
		if _, err := conn.PgConn().CopyTo(b.Context(), io.Discard, "copy "+columns+" to stdout (format binary)"); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began)
}

// timeChecks runs all checks of values.
func timeChecks(b *testing.B, address string, settings encSettings) time.Duration {
	db, err := postgres.New(address, postgres.Options{ApplicationName: "ocmt-bench", LockTimeout: time.Second, StatementTimeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	began := time.Now()
	snapshot, err := pgaudit.Open(b.Context(), db, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	defer snapshot.Close(context.Background())
	values := audit.NewEncryptionSource(snapshot.Values(), audit.EncryptionOptions{Catalogue: ocmt.Catalogue(), Known: ocmt.KnownColumns(),
		Search: pgdiscover.New(db), Workers: 2, Folder: b.TempDir()})
	report, err := audit.Run(b.Context(), &audit.Sources{Settings: audit.Available[audit.Settings](settings), Encryption: audit.Available(values)},
		audit.Request{Only: []string{"ENC"}, Now: began}, quietRun{})
	if err != nil {
		b.Fatal(err)
	}
	if report.Counts.Unchecked > 0 || report.Counts.Pass < 10 {
		b.Fatalf("%+v", report.Counts)
	}
	return time.Since(began)
}

// peakMemory returns the peak of the resident memory in MiB, 0 where the system does not tell it.
func peakMemory() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.ParseFloat(strings.Fields(rest + " 0")[0], 64)
	if err != nil {
		return 0
	}
	return kib / 1024
}
