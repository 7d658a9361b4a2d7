package testenv_test

import (
	"context"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// value returns the single value of a query at an address.
func value(t *testing.T, address, query string) string {
	t.Helper()
	conn := connect(t, address)
	defer func() { _ = conn.Close(context.Background()) }()
	var found string
	if err := conn.QueryRow(t.Context(), query, pgx.QueryExecModeSimpleProtocol).Scan(&found); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return found
}

func connect(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// folderOf returns the folder of a server, which contains its socket.
func folderOf(t *testing.T, address string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	must(t, err)
	return parsed.Query().Get("host")
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(3 * time.Minute)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("not after 3 minutes: %s", what)
		case <-ticker.C:
		}
	}
}

type running struct {
	pid, parent int
	command     string
}

// listed returns the processes of the machine by their number.
func listed(t *testing.T) map[int]running {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args=").Output()
	must(t, err)
	found := map[int]running{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || strings.HasPrefix(fields[2], "Z") {
			continue
		}
		pid, err := strconv.Atoi(fields[0])
		must(t, err)
		parent, err := strconv.Atoi(fields[1])
		must(t, err)
		found[pid] = running{pid, parent, strings.Join(fields[3:], " ")}
	}
	return found
}

// processesOf returns the processes that name a folder, and their descendants.
func processesOf(t *testing.T, folder string) map[int]running {
	t.Helper()
	all, of := listed(t), map[int]running{}
	for grown := true; grown; {
		grown = false
		for pid, p := range all {
			_, known := of[pid]
			_, child := of[p.parent]
			if !known && (child || strings.Contains(p.command, folder)) {
				of[pid], grown = p, true
			}
		}
	}
	return of
}
