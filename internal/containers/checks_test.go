package containers_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/containers"
	"github.com/ocmt/ocmt/internal/files"
)

// secretText is invented.
const secretText = "5f1e0c9b7a3d48266cd1b2e4f7089a35"

// finder finds the texts of settings as they are.
type finder map[string]string

func (f finder) Find(text []byte) (names []string) {
	for name, secret := range f {
		if bytes.Contains(text, []byte(secret)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

type silent struct{}

func (silent) Checking(string, int, int) {}

// project is a folder with Dockerfiles and the like.
type project struct {
	t       *testing.T
	dir     string
	options containers.Options
}

func newProject(t *testing.T) *project {
	t.Helper()
	dir := t.TempDir()
	return &project{t, dir, containers.Options{Folders: []files.Folder{{Path: dir}}, Finder: finder{"ADMIN_TOKEN": secretText}}}
}

func (p *project) write(path, text string) {
	p.t.Helper()
	path = filepath.Join(p.dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// ask asks one check.
func (p *project) ask(id string) audit.Result {
	p.t.Helper()
	sources := &audit.Sources{Containers: audit.Available[audit.ContainerSource](containers.New(p.options))}
	report, err := audit.Run(context.Background(), sources, audit.Request{Only: []string{id}, Now: time.Unix(1_800_000_000, 0)}, silent{})
	if err != nil {
		p.t.Fatal(err)
	}
	return report.Results[0]
}

func (p *project) wantOutcome(id string, want audit.Outcome) {
	p.t.Helper()
	if got := p.ask(id); got.Outcome != want {
		p.t.Errorf("%s is %s, want %s: %+v %v %s", id, got.Outcome, want, got.Findings, got.Gaps, got.Absent)
	}
}

// wantFindings checks what a check finds, each a part of a finding.
func (p *project) wantFindings(id string, parts ...string) {
	p.t.Helper()
	got := p.ask(id)
	var texts []string
	for _, found := range got.Findings {
		texts = append(texts, found.Severity.String()+": "+found.Cause+" "+found.Message+" | "+found.Actual+" | "+strings.Join(found.Places, "; "))
	}
	all := strings.Join(texts, "\n")
	if strings.Contains(all, secretText) {
		p.t.Errorf("%s shows a secret", id)
	}
	for _, part := range parts {
		if !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, part) }) {
			p.t.Errorf("%s does not find %q, but\n%s\n%v", id, part, all, got.Gaps)
		}
	}
	if len(texts) != len(parts) {
		p.t.Errorf("%s finds %d, want %d:\n%s", id, len(texts), len(parts), all)
	}
}

// If this fails, an image that leaves the env file out is a fault.
func TestImageWithoutEnvFilePasses(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.wantOutcome("OCMT-DOC-001", audit.NotApplicable)
	p.write(".env", "A=1\n")
	p.write("src/index.js", "")
	p.write("Dockerfile", "# syntax=docker/dockerfile:1\nFROM node AS build\nCOPY --from=x .env /\nCOPY src/ ./\nRUN <<EOF\nCOPY .env .\nEOF\nFROM build\nADD https://example.org/.env /x\n")
	p.wantOutcome("OCMT-DOC-001", audit.Pass)
	p.write("Dockerfile", "FROM node\nCOPY . .\n")
	for _, ignore := range []string{".env\n", "# comment\n*\n!src\n", "**/.env*\n!.env.example\n", "/.e*\n"} {
		p.write(".dockerignore", ignore)
		if got := p.ask("OCMT-DOC-001"); got.Outcome != audit.Pass {
			t.Errorf("%q: %s %+v", ignore, got.Outcome, got.Findings)
		}
	}
}

// If this fails, all secrets are in an image that others can pull, and the audit is silent.
func TestImageWithEnvFileIsFound(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.write(".env", "A=1\n")
	p.write("agent/.env.production", "A=1\n")
	p.write("Dockerfile", "FROM node\nCOPY . .\n")
	p.wantFindings("OCMT-DOC-001", "high: Dockerfile brings .env into the image | COPY takes .env | Dockerfile line 2; Dockerfile line 2")
	for _, ignore := range []string{"*\n!.env\n!agent\n", "env\n", ".env\n!**/.env*\n"} {
		p.write(".dockerignore", ignore)
		if got := p.ask("OCMT-DOC-001"); got.Outcome != audit.Found || got.Findings[0].Count != 2 {
			t.Errorf("%q: %s %+v", ignore, got.Outcome, got.Findings)
		}
	}
	p.write(".dockerignore", ".env*\n") // only at the top
	p.wantFindings("OCMT-DOC-001", "high: Dockerfile brings agent/.env.production into the image")
	p.write("Dockerfile.dockerignore", "node_modules\n") // it takes the place of the other
	p.write("Dockerfile", "FROM node AS build\nADD --chown=1:1 [\"./.e*\", \"/x/\"]\nFROM node\nCOPY agent \\\n # comment\n /agent\n")
	p.wantFindings("OCMT-DOC-001", "high: Dockerfile brings agent/.env.production into the image | COPY takes agent/.env.production | Dockerfile line 2; Dockerfile line 4")
}

// If this fails, an env file gets into an image by a mount or a later build, and the audit is silent.
func TestImageWithEnvFileByOtherWays(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.write(".env", "A=1\n")
	for step, want := range map[string]string{
		"ONBUILD COPY . /app":                         "high: Dockerfile brings .env into the image | COPY takes .env",
		"onbuild add .env /app":                       "high: Dockerfile brings .env into the image | ADD takes .env",
		"RUN --mount=type=bind,target=/s cp -r /s /a": "high: Dockerfile brings .env into the image | RUN takes .env",
		"RUN --network=none --mount=target=/s,source=. \\\n  make && cat /s/.env > /x":       "high: Dockerfile brings .env into the image | RUN takes .env",
		"ONBUILD RUN --mount=type=bind,src=.env,target=/s/.env npm install && npm run build": "low: Dockerfile mounts show .env to a step of the build",
	} {
		p.write("Dockerfile", "FROM node\n"+step+"\n")
		p.wantFindings("OCMT-DOC-001", want)
	}
	p.write("Dockerfile", "FROM node\nRUN --mount=type=cache,target=/root/.npm --mount=type=secret,id=env,target=.env cp .env /tmp\nRUN --mount=from=x,target=/s cp /s/.env /\n"+
		"RUN --mount=type=bind,source=src,target=/s cp -r /s /a\n")
	p.write("src/index.js", "")
	p.wantOutcome("OCMT-DOC-001", audit.Pass)
}

// If this fails, a build whose folder is not known counts as sound.
func TestBuildContext(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.write(".env", "A=1\n")
	p.write("docker/Dockerfile", "FROM node\nCOPY . .\n")
	p.wantOutcome("OCMT-DOC-001", audit.Unchecked)
	p.write("compose.yml", "services:\n  app:\n    build: {context: ., dockerfile: docker/Dockerfile}\n")
	p.wantFindings("OCMT-DOC-001", "docker/Dockerfile brings .env into the image")
	p = newProject(t)
	p.write("Dockerfile", "FROM node\nARG FILE\nCOPY $FILE /\n")
	p.wantOutcome("OCMT-DOC-001", audit.Pass) // there is no env file that it could take
	p.write(".env", "A=1\n")
	p.wantOutcome("OCMT-DOC-001", audit.Unchecked)
	p.write("Dockerfile", "FROM node\nCOPY $TARGETPLATFORM/ocmt /\n")
	p.wantOutcome("OCMT-DOC-001", audit.Pass)
	p.write("Dockerfile", "FROM node\nCOPY . .\n")
	p.write(".dockerignore", "[\n")
	p.wantOutcome("OCMT-DOC-001", audit.Unchecked)
	ignore := filepath.Join(p.dir, ".dockerignore")
	if err := errors.Join(os.Remove(ignore), syscall.Mkfifo(ignore, 0o600)); err != nil {
		t.Fatal(err)
	}
	p.wantOutcome("OCMT-DOC-001", audit.Unchecked) // reading it would wait for ever
}

// If this fails, references to secrets are faults, and operators turn the check off.
func TestReferencesPass(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.wantOutcome("OCMT-DOC-002", audit.NotApplicable)
	p.write("compose.yml", `services:
  app:
    environment:
      ADMIN_TOKEN: ${ADMIN_TOKEN:?must be set}
      CSRF_SECRET:
      DATABASE_URL: postgresql://ocmt:${DB_PASSWORD}@db/ocmt
      REDIS_URL: redis://cache:6379
      ADMIN_PASSWORD_FILE: /run/secrets/admin
      USE_TOKEN: "true"
  list:
    environment: [AUTH_TOKEN, "OPENAI_API_KEY=$OPENAI_API_KEY"]
    secrets: [ADMIN_TOKEN]
secrets:
  ADMIN_TOKEN: {file: ./admin}
`)
	p.write("k8s/app.yaml", `apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  template:
    spec:
      containers:
        - name: app
          env:
            - name: ADMIN_TOKEN
              valueFrom: {secretKeyRef: {name: app, key: ADMIN_TOKEN}}
---
apiVersion: v1
kind: Secret
metadata: {name: app}
data: {ADMIN_TOKEN: "ENC[AES256_GCM,data:x]"}
`)
	p.write("Dockerfile", "FROM node\nENV NODE_ENV=production TOKEN_URL=https://example.org/token\nRUN --mount=type=secret,id=ADMIN_TOKEN true\n")
	p.wantOutcome("OCMT-DOC-002", audit.Pass)
}

// If this fails, secrets are in version control and in the history of images, unseen.
func TestLiteralsAreFound(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.write("docker-compose.yml", `x-common: &common
  CSRF_SECRET: plain-text-of-it
services:
  app:
    environment:
      <<: *common
      ADMIN_TOKEN: `+secretText+`
      DATABASE_URL: postgresql://ocmt:${DB_PASSWORD:-ocmt}@db/ocmt
      AUTH_TOKEN: ${AUTH_TOKEN:-${OTHER:-fallback}}
    command: [node, --token, "x`+secretText+`"]
  db:
    environment: ["POSTGRES_PASSWORD=pa$$word"]
`)
	p.wantFindings("OCMT-DOC-002", "high: docker-compose.yml has secrets that are in use | secrets that are in use, as plain text | docker-compose.yml line 7, services.app.environment.ADMIN_TOKEN: the secret of ADMIN_TOKEN; docker-compose.yml line 10, services.app.command",
		"high: settings of docker-compose.yml are secrets | plain text | docker-compose.yml line 2, x-common.CSRF_SECRET; docker-compose.yml line 12, services.db.environment.POSTGRES_PASSWORD",
		"low: defaults of docker-compose.yml are secrets | plain text | docker-compose.yml line 8, services.app.environment.DATABASE_URL; docker-compose.yml line 9, ")
	p = newProject(t)
	p.write("secret.yaml", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  metadata: {name: app}\n  stringData:\n    any: thing\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: p}\n  spec: {containers: [{name: c, env: [{name: ADMIN_PASSWORD, value: text}]}]}\n")
	p.wantFindings("OCMT-DOC-002", "secret.yaml line 8, Secret/app stringData.any; secret.yaml line 12, Pod/p spec.containers.c.env.ADMIN_PASSWORD")
	p = newProject(t)
	p.write("Dockerfile", "FROM node\nARG AUTH_TOKEN\nENV AUTH_TOKEN=$AUTH_TOKEN CSRF_SECRET=\"plain text\"\nENV ADMIN_TOKEN "+secretText+"\nRUN echo "+secretText+"\n")
	p.wantFindings("OCMT-DOC-002", "high: Dockerfile has secrets that are in use | secrets that are in use, as plain text | Dockerfile line 4, ENV ADMIN_TOKEN: the secret of ADMIN_TOKEN; Dockerfile line 5, RUN",
		"high: settings of Dockerfile are secrets | plain text | Dockerfile line 3, ENV CSRF_SECRET", "low: build arguments of Dockerfile are secrets, and the image's history keeps them | ARG or ENV | Dockerfile line 2, ARG AUTH_TOKEN; Dockerfile line 3")
}

// If this fails, a compose file that cannot be read counts as one without secrets, open ports or Redis.
func TestFileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.write("compose.yml", "services:\n\t- [")
	for _, id := range []string{"OCMT-DOC-002", "OCMT-DOC-003", "OCMT-DOC-004"} {
		p.wantOutcome(id, audit.Unchecked)
	}
}
