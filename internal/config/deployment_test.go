package config_test

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/config"
)

// If this fails, an audit with an account of its own judges its own password and looks for that alone, and the
// password of the servers stays where it has leaked to.
func TestDeploymentHasAddressesOfServers(t *testing.T) {
	t.Parallel()
	request := config.Request{Dir: t.TempDir(), Environ: []string{"DATABASE_URL=postgresql://alice:hers@db/ocmt", "REDIS_URL=redis://audit:own@cache"}}
	write(t, request.Dir, ".env", "DATABASE_URL=postgresql://ocmt:theirs@db/ocmt\nADMIN_TOKEN=of-the-servers\nCSRF_SECRET_FILE=/nowhere/csrf\n")
	settings, err := config.Load(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	if got := settings.DatabaseURL.Reveal(); !strings.Contains(got, "alice") {
		t.Error("commands do not log in with the address of the environment")
	}
	deployment := settings.Deployment()
	if !strings.Contains(deployment.Text("DATABASE_URL"), "theirs") || deployment.File("DATABASE_URL") != ".env" {
		t.Errorf("DATABASE_URL of the servers is not that of %q", deployment.Place("DATABASE_URL"))
	}
	if !strings.Contains(deployment.Text("REDIS_URL"), "own") {
		t.Error("REDIS_URL is not that of the environment, where the env file has none")
	}
	if deployment.Unread["CSRF_SECRET"] == nil {
		t.Error("a setting whose file cannot be read counts as one that is not set")
	}
}

// If this fails, an audit takes the users of operators for strangers, or a setting of it is nowhere explained.
func TestAuditSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "ocmt.yaml", "audit:\n  redis_application_user: ocmt\n  redis_operators: [admin, ocmt-sessions]\n  trusted_groups: [ssl-cert]\n")
	settings, err := config.Load(context.Background(), config.Request{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Audit{RedisApplicationUser: "ocmt", RedisOperators: []string{"admin", "ocmt-sessions"}, TrustedGroups: []string{"ssl-cert"}}
	if !reflect.DeepEqual(settings.Audit, want) {
		t.Errorf("%+v", settings.Audit)
	}
	page, err := os.ReadFile("../../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## audit in ocmt.yaml")
	var known, told []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[config.Audit]()) {
		known = append(known, field.Tag.Get("mapstructure"))
	}
	for line := range strings.Lines(section) {
		if name, _, found := strings.Cut(strings.TrimPrefix(line, "| `"), "` |"); found {
			told = append(told, name)
		}
	}
	if !slices.Equal(known, told) {
		t.Errorf("docs/settings.md tells %v, and %v can be set", told, known)
	}
}

// If this fails, an operator is not told what stands in the env file behind a stronger setting, or a secret is
// taken for one of the file that is from the environment.
func TestEnvFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, ".env", "ADMIN_TOKEN=in the file\nCSRF_SECRET=c\n")
	settings, err := config.Load(t.Context(), config.Request{Dir: dir, Environ: []string{"ADMIN_TOKEN=in the environment"}})
	if err != nil {
		t.Fatal(err)
	}
	file, deployment := settings.EnvFile(), settings.Deployment()
	if file.Path != ".env" || file.Text("ADMIN_TOKEN") != "in the file" || file.Place("CSRF_SECRET") != ".env:2" || !slices.Equal(file.Names(), []string{"ADMIN_TOKEN", "CSRF_SECRET"}) {
		t.Errorf("%s: %q", file.Path, file.Names())
	}
	if deployment.InEnvFile("ADMIN_TOKEN") || !deployment.InEnvFile("CSRF_SECRET") || deployment.InEnvFile("SESSION_SECRET") {
		t.Error("the place of a setting is taken for another one")
	}
	if text := fmt.Sprintf("%+v %#v %v", file, file, settings); strings.Contains(text, "in the file") {
		t.Error("the text of a secret prints")
	}
	none, err := config.Load(t.Context(), config.Request{Dir: t.TempDir()})
	if err != nil || none.EnvFile().Path != "" || len(none.EnvFile().Names()) > 0 {
		t.Errorf("without a file: %v, %+v", err, none.EnvFile())
	}
}

// If this fails, the secrets that stand in files of their own are not looked at, because the reading of the
// settings is over by then.
func TestDeploymentReadsFilesAfterLoad(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	request := config.Request{Dir: t.TempDir(), Environ: []string{"CSRF_SECRET_FILE=csrf"}}
	write(t, request.Dir, "csrf", "of the file")
	settings, err := config.Load(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for range 20 { // two things that are both done are taken in no order
		if deployment := settings.Deployment(); deployment.Text("CSRF_SECRET") != "of the file" || len(deployment.Unread) > 0 {
			t.Fatalf("it was not read: %v", deployment.Unread)
		}
	}
	if read := settings.FilesRead(); len(read) != 1 || read[0].Path != "csrf" || !read[0].Secret || len(settings.Files) > 0 {
		t.Errorf("the files that were read are %+v", read)
	}
}
