package validation_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ocmt/ocmt/internal/probe"
	"github.com/ocmt/ocmt/internal/validation"
	"github.com/ocmt/ocmt/pkg/secret"
)

// handler answers a request that was sent with a token in its header, "" for none.
type handler func(w http.ResponseWriter, r *http.Request, sent, token string)

// asTheContractSays answers as contract, section 6, has it.
func asTheContractSays(w http.ResponseWriter, r *http.Request, sent, token string) {
	switch {
	case sent != token:
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodPost:
		w.WriteHeader(http.StatusBadRequest)
	}
}

// always answers everything alike.
func always(status int) handler {
	return func(w http.ResponseWriter, _ *http.Request, _, _ string) {
		w.Header().Set("Location", "/login")
		w.WriteHeader(status)
	}
}

// onlyRight answers the right token alone with a status, and refuses the others.
func onlyRight(status int) handler {
	return func(w http.ResponseWriter, r *http.Request, sent, token string) {
		if sent == token {
			w.WriteHeader(status)
			return
		}
		asTheContractSays(w, r, sent, token)
	}
}

// fake is an HTTP server that behaves as one component, and keeps what it was sent.
type fake struct {
	component secret.Component
	tokens    map[string]string // by path
	answer    handler
	url       string

	mu  sync.Mutex
	log []string // each request without the header that a token belongs in
}

// tokenHeaders are where each component looks for its token.
var tokenHeaders = map[secret.Component]string{secret.AdminUI: "Authorization", secret.Management: "Authorization", secret.Gateway: "Authorization", secret.Agent: "X-Auth-Token"}

// start starts a component of a deployment. What may not be asked, or is asked in another way than the contract
// says, fails the test.
func start(t *testing.T, component secret.Component, answer handler) *fake {
	t.Helper()
	f := &fake{component: component, answer: answer, tokens: map[secret.Component]map[string]string{
		secret.AdminUI:    {"/admin/containers": marked("admin")},
		secret.Management: {"/api/internal/metrics/wake": marked("agent"), "/api/admin/user-allowlist": marked("internal")},
		secret.Agent:      {"/api/containers/metrics/wake": marked("agent")},
		secret.Gateway:    {"/tools/invoke": marked("gateway")},
	}[component]}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, known := f.tokens[r.URL.Path]
		if !known || (r.Method == http.MethodPost) != (component == secret.Gateway) || r.Header.Get("Accept") != "application/json" || r.Header.Get("X-Forwarded-Proto") != "https" {
			t.Errorf("%s was asked %s %s", component, r.Method, r.URL.Path)
		}
		sent := strings.TrimPrefix(r.Header.Get(tokenHeaders[component]), "Bearer ")
		headers := r.Header.Clone()
		headers.Del(tokenHeaders[component])
		f.mu.Lock()
		f.log = append(f.log, fmt.Sprint(r.Method, r.URL, headers))
		f.mu.Unlock()
		f.answer(w, r, sent, token)
	}))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

// logged reports whether a text is anywhere in what was sent, but for the header of the token.
func (f *fake) logged(text string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.log, func(line string) bool { return strings.Contains(line, text) })
}

// withoutStores is the deployment as an operator has it who asks endpoints alone.
func withoutStores(d *deployment) validation.Input {
	delete(d.management.texts, "DATABASE_URL")
	delete(d.management.texts, "REDIS_URL")
	return d.asManagement()
}

// ask checks a deployment with endpoints.
func ask(t *testing.T, input validation.Input, inQuery bool, named ...probe.Named) validation.Report {
	t.Helper()
	report, err := validation.CheckLive(context.Background(), input, validation.Servers{InQuery: inQuery,
		Endpoints: func(token func(string) string) (validation.Endpoints, error) {
			return probe.NewEndpoints(named, probe.Options{}, token, true)
		}})
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%+v %#v", report, report)
	for where, held := range newDeployment().secrets() {
		if strings.Contains(text, held) {
			t.Errorf("the report holds the secret of %s", where)
		}
	}
	return report
}

// liveOf returns what was said of each setting, as "name result".
func liveOf(report validation.Report) (list []string) {
	for _, row := range report.Rows {
		for _, one := range row.Live {
			list = append(list, row.Name+" "+string(one.Result))
		}
	}
	slices.Sort(list)
	return list
}

// failedAt counts what was asked for and could not be had.
func failedAt(report validation.Report) int { return len(report.Failed()) }

// If this fails, a sound deployment is said to be broken, or a token reaches a log of the servers.
func TestLiveAsTheContractSays(t *testing.T) {
	t.Parallel()
	var named []probe.Named
	var fakes []*fake
	for component := range tokenHeaders {
		f := start(t, component, asTheContractSays)
		fakes, named = append(fakes, f), append(named, probe.Named{Component: string(component), Address: f.url})
	}
	report := ask(t, withoutStores(newDeployment()), false, named...)
	want := []string{"ADMIN_TOKEN proven", "AGENT_SERVER_TOKEN proven", "AUTH_TOKEN proven", "INTERNAL_ADMIN_TOKEN proven", "gateway.auth.token proven"}
	if got := liveOf(report); !slices.Equal(got, want) || len(codes(report)) > 0 || failedAt(report) > 0 {
		t.Errorf("%v, found %v, failed %v", got, codes(report), report.Failed())
	}
	for _, f := range fakes {
		for where, held := range newDeployment().secrets() {
			if f.logged(held) {
				t.Errorf("%s was sent the secret of %s outside of its header", f.component, where)
			}
		}
		if asked := len(f.log); asked != 3*len(f.tokens) {
			t.Errorf("%s was asked %d times", f.component, asked)
		}
	}
}

// If this fails, an open door passes for a closed one, a busy server for one that refuses, or a server that did not
// answer for a proof.
func TestLiveWrongServers(t *testing.T) {
	t.Parallel()
	const accepts, refused, inQuery = "accepts_any", "refused_by_server", "taken_in_query"
	for _, c := range []struct {
		name    string
		answer  handler
		result  string
		codes   []string
		failed  int
		query   bool
		gateway string // the result at the gateway, where it is another one
	}{
		{name: "accepts anything", answer: always(200), result: "unproven", codes: []string{accepts, accepts}},
		{name: "accepts anything with 204", answer: always(204), result: "unproven", codes: []string{accepts, accepts}},
		{name: "has another token", answer: always(401), result: "refused", codes: []string{refused}},
		{name: "fails", answer: always(500), result: "unknown", failed: 1},
		{name: "forbids", answer: always(403), result: "unknown", failed: 1},
		{name: "sends to its log-in page", answer: always(302), result: "unknown", failed: 1},
		{name: "sends to TLS", answer: always(301), result: "unknown", failed: 1},
		{name: "is busy", answer: always(429), result: "unknown", failed: 1},
		{name: "knows no such path", answer: always(404), result: "unknown", failed: 1},
		{name: "fails with the right one", answer: onlyRight(500), result: "unknown", failed: 1},
		{name: "is busy with the right one", answer: onlyRight(429), result: "unknown", failed: 1},
		{name: "closes the connection", answer: func(http.ResponseWriter, *http.Request, string, string) { panic(http.ErrAbortHandler) }, result: "unknown", failed: 1},
		{name: "hangs", answer: func(_ http.ResponseWriter, r *http.Request, _, _ string) { <-r.Context().Done() }, result: "unknown", failed: 1},
		{name: "takes a wrong one", result: "unproven", codes: []string{accepts}, answer: func(w http.ResponseWriter, r *http.Request, sent, token string) {
			if sent == "" {
				asTheContractSays(w, r, sent, token)
			}
		}},
		{name: "takes it in the query", result: "proven", codes: []string{inQuery}, query: true, answer: func(w http.ResponseWriter, r *http.Request, sent, token string) {
			if r.URL.Query().Get("token") != token {
				asTheContractSays(w, r, sent, token)
			}
		}},
		{name: "knows no query", result: "proven", query: true, failed: 1, answer: func(w http.ResponseWriter, r *http.Request, sent, token string) {
			if r.URL.RawQuery != "" {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			asTheContractSays(w, r, sent, token)
		}},
		{name: "refuses it in the query", result: "proven", query: true, answer: asTheContractSays},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := start(t, secret.AdminUI, c.answer)
			report := ask(t, withoutStores(newDeployment()), c.query, probe.Named{Component: "admin-ui", Address: f.url})
			var want []string
			for _, code := range c.codes {
				want = append(want, code+" ADMIN_TOKEN in admin/environment")
			}
			if got := liveOf(report); !slices.Equal(got, []string{"ADMIN_TOKEN " + c.result}) || !slices.Equal(codes(report), want) || failedAt(report) != c.failed {
				t.Errorf("%v, found %v, failed %v; want %s, %v and %d", got, codes(report), report.Failed(), c.result, want, c.failed)
			}
			if f.logged(marked("admin")) != c.query {
				t.Errorf("the token was in a URL: %v", !c.query)
			}
		})
	}
}

// If this fails, a gateway that answers as a log-in page does is taken for one that knows the token, or a good one
// is refused.
func TestLiveGateway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer handler
		want   string
		change func(*validation.Input)
		failed int
	}{
		"lets in with 400":          {answer: asTheContractSays, want: "gateway.auth.token proven"},
		"takes everything":          {answer: always(400), want: "gateway.auth.token unproven"},
		"its file is not given":     {answer: asTheContractSays, want: "OPENCLAW_GATEWAY_TOKEN proven", change: func(in *validation.Input) { in.Gateway = nil }},
		"its file has no token":     {answer: asTheContractSays, want: "OPENCLAW_GATEWAY_TOKEN proven", change: func(in *validation.Input) { in.Gateway = &validation.Gateway{File: "f"} }},
		"its file has an empty one": {answer: asTheContractSays, failed: 1, change: func(in *validation.Input) { in.Gateway = &validation.Gateway{File: "f", Set: true} }},
	} {
		f := start(t, secret.Gateway, c.answer)
		d := newDeployment()
		input := validation.Input{Own: d.gateway.side(secret.Gateway), Gateway: d.asManagement().Gateway}
		if c.change != nil {
			c.change(&input)
		}
		report := ask(t, input, false, probe.Named{Component: "gateway", Address: f.url})
		if got := strings.Join(liveOf(report), ", "); got != c.want || failedAt(report) != c.failed {
			t.Errorf("%s: %q and %v, want %q and %d", name, got, report.Failed(), c.want, c.failed)
		}
	}
}

// If this fails, an operator who named a server and has not its token here reads that nothing is wrong.
func TestLiveWithoutTheToken(t *testing.T) {
	t.Parallel()
	f := start(t, secret.Agent, asTheContractSays)
	input := validation.Input{Own: envFile{}.side(secret.AdminUI)}
	report := ask(t, input, false, probe.Named{Component: "agent", Address: f.url})
	if len(report.Failed()) != 1 || !strings.Contains(report.Failed()[0].Needs, "--agent-env-file") {
		t.Errorf("failed: %+v", report.Failed())
	}
	open := start(t, secret.Agent, always(200))
	if report := ask(t, input, false, probe.Named{Component: "agent", Address: open.url}); !slices.Contains(codes(report), "accepts_any AUTH_TOKEN") {
		t.Errorf("an open server: %v", codes(report))
	}
	nothing, err := validation.CheckLive(context.Background(), validation.Input{Own: envFile{}.side("")}, validation.Servers{})
	if err != nil || len(nothing.Failed()) != 1 {
		t.Errorf("nothing to ask: %v, %v", nothing.Failed(), err)
	}
}
