package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/testenv"
)

// If this fails, an operator's quarter leaves a password of before good, loses the record when the password that it is
// behind changes, or shows a secret.
func TestRotateAll(t *testing.T) {
	t.Parallel()
	h := newPasswordHost(t)
	server, err := testenv.StartRedis(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	h.before = "REDIS_URL=" + server.URL() + "\n" + h.before
	old, _ := h.settings()
	if err := os.WriteFile(h.path(), []byte(h.before+old+h.behind), 0o600); err != nil {
		t.Fatal(err)
	}
	secrets := needles{}
	secrets.add("old database password", passwordIn(t, old))
	secrets.add("old Redis password", passwordIn(t, server.URL()))
	run := func(want int, args ...string) string {
		t.Helper()
		command := exec.Command("ocmt", append([]string{"rotate", "all", "--routine", "--yes"}, args...)...)
		command.Env, command.Dir = append(os.Environ(), "PGPASSFILE=/nonexistent"), h.folder
		var shown, result strings.Builder
		command.Stdout, command.Stderr = &result, &shown
		_ = command.Run() // the exit code says how it ended
		now, _ := h.settings()
		secrets.add("new database password", passwordIn(t, now))
		if found := secrets.in(result.String() + shown.String()); len(found) > 0 {
			t.Errorf("it shows %v", found)
		}
		if got := command.ProcessState.ExitCode(); got != want {
			t.Fatalf("%v ended with %d, not %d:\n%s%s", args, got, want, result.String(), shown.String())
		}
		return result.String()
	}
	run(4)
	now, _ := h.settings()
	if now == old || !h.logsIn(now) || h.logsIn(old) {
		t.Error("not the new password of the database alone logs in")
	}
	var document struct {
		Left  int `json:"left"`
		Tasks []struct {
			Name   string          `json:"name"`
			State  string          `json:"state"`
			Report json.RawMessage `json:"report"`
		} `json:"tasks"`
	}
	if err := json.Unmarshal([]byte(run(4, "--restarted", "--output", "json")), &document); err != nil {
		t.Fatal(err)
	}
	states := ""
	for _, task := range document.Tasks {
		states += task.Name + "=" + task.State + " "
		if (task.Name == "redis-password") != (string(task.Report) != "null") {
			t.Errorf("the report of %s is %s", task.Name, task.Report)
		}
	}
	if states != "redis-password=done agent-token=blocked admin-token=blocked database-password=done " || document.Left != 2 {
		t.Errorf("after the restart: %s", states)
	}
	conn, err := pgx.Connect(context.Background(), h.server.URL("postgres", h.database))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var recorded string
	if err := conn.QueryRow(context.Background(), "select string_agg(action || ' ' || subject, ', ' order by sequence) from ocmt.record").Scan(&recorded); err != nil ||
		recorded != "rotate_all.begun routine, rotate_all.waiting redis-password, secret.rotated DATABASE_URL, secret.rotated REDIS_URL" {
		t.Errorf("the record has %s, %v", recorded, err)
	}
}
