package cli

import (
	"context"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
)

// capture returns a constructor whose command stores its options instead of running.
func capture[O any](build func(*App, func(context.Context, *config.Settings, *O) error) *cobra.Command, into *any) func(*App) *cobra.Command {
	return func(app *App) *cobra.Command {
		return build(app, func(_ context.Context, _ *config.Settings, options *O) error {
			*into = *options
			return nil
		})
	}
}

// captureWithoutSettings is capture for commands that read no settings.
func captureWithoutSettings[O any](build func(*App, func(context.Context, *O) error) *cobra.Command, into *any) func(*App) *cobra.Command {
	return func(app *App) *cobra.Command {
		return build(app, func(_ context.Context, options *O) error {
			*into = *options
			return nil
		})
	}
}

// If this fails, a flag lands in another option than the operator means: a run goes to
// another version, takes other tables, or writes though it should only try.
func TestOptions(t *testing.T) {
	t.Parallel()
	var got any
	selection := selectionOptions{To: versionFlag{true, 2}, Tables: nameList{"a", "b", "c"}, Columns: nameList{"t.d"}}
	guard := guardOptions{AllowUnopenable: true, AllowEmpty: true, ExpectKey: "0123456789abcdef", RepairLabels: true}
	run := runOptions{From: versionFlag{true, 1}, selectionOptions: selection, AllowDowngrade: true, guardOptions: guard,
		Plan: "p.json", moveOptions: moveOptions{DryRun: true, OnError: "stop"}}
	const selected = "--to-version 2 --table a,b --table c --column t.d "
	const guarded = "--allow-unopenable --allow-empty --repair-labels --expect-key 0123456789abcdef "
	const selecting = "--user u --user v,w --users-from f --tenant t --session s --token-stdin --ip 10.1.2.3/16,::ffff:192.0.2.1 --user-agent curl --created-before 2d --idle-longer-than 90m --past-timeout "
	chosen := func(expired, overLimit bool) sessionSelection {
		return sessionSelection{Users: nameList{"u", "v", "w"}, UsersFrom: "f", Tenants: textList{"t"}, Sessions: nameList{"s"}, TokenStdin: true,
			Networks: networkList{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("192.0.2.1/32")}, Agents: textList{"curl"},
			CreatedBefore: ageFlag(48 * time.Hour), Idle: ageFlag(90 * time.Minute), PastTimeout: true, Expired: expired, OverLimit: overLimit}
	}
	const scoped = "--only pg,tokens --only END-001 --skip git --path p --path q --other-env-file e --log l --code s --endpoint admin-ui=http://a --endpoint agent=http://b " +
		"--live --docker --trusted-group g --backup-horizon 90d --baseline b --check-timeout 5m "
	scope := auditScope{Only: nameList{"pg", "tokens", "END-001"}, Skip: nameList{"git"}, Paths: []string{"p", "q"}, EnvFiles: []string{"e"}, Logs: []string{"l"}, Code: []string{"s"},
		Endpoints: endpointFlag{{Component: "admin-ui", Address: "http://a"}, {Component: "agent", Address: "http://b"}}, Live: true, Docker: true, Groups: []string{"g"},
		Horizon: ageFlag(90 * 24 * time.Hour), Baseline: "b", CheckTimeout: 5 * time.Minute}
	rate := 500
	for _, c := range []struct {
		build func(*App) *cobra.Command
		args  string
		want  any
	}{
		{capture(newRotateCommand, &got), "--from-version 0", rotateOptions{runOptions{From: versionFlag{true, 0}, moveOptions: moveOptions{OnError: "report"}}, proofOptions{Search: "auto"}}},
		{capture(newRotateCommand, &got), selected + guarded + "--from-version 1 --allow-downgrade --plan p.json --dry-run --on-error stop --search full", rotateOptions{run, proofOptions{Search: "full"}}},
		{capture(newMigrateRunCommand, &got), "", runOptions{moveOptions: moveOptions{OnError: "report"}}},
		{capture(newMigrateRunCommand, &got), selected + guarded + "--from-version 1 --allow-downgrade --plan p.json --dry-run --on-error stop", run},
		{capture(newRotateRollbackCommand, &got), selected + guarded + "--dry-run --on-error stop --search none",
			rollbackOptions{selection, guard, moveOptions{DryRun: true, OnError: "stop"}, proofOptions{Search: "none"}}},
		{capture(newRotateGatewayTokensCommand, &got), "--user u --user v,w --tenant t --list f --expect-key 0123456789abcdef --dry-run",
			gatewayTokensOptions{Users: nameList{"u", "v", "w"}, Tenants: textList{"t"}, List: "f", ExpectKey: "0123456789abcdef", DryRun: true}},
		{capture(newRotateMarkDoneCommand, &got), "github-client-secret --note n --at 2026-03-01T04:30:00Z --dry-run",
			markDoneOptions{Args: []string{"github-client-secret"}, Note: "n", At: utcTimeFlag{time.Date(2026, 3, 1, 4, 30, 0, 0, time.UTC)}, DryRun: true}},
		{capture(newRotateGatewayTokensCommand, &got), "--all", gatewayTokensOptions{All: true}},
		{capture(newRotateBeginCommand, &got), "--store envfile:a --backup --escrow e --allow-empty --dry-run",
			beginOptions{Store: storeFlag{kind: "envfile", path: "a", Backup: true}, Escrow: "e", AllowEmpty: true, DryRun: true}},
		{capture(newRotateBeginCommand, &got), "--escrow -", beginOptions{Escrow: "-"}},
		{capture(newRotateBeginCommand, &got), "--no-escrow", beginOptions{NoEscrow: true}},
		{capture(newRotateBeginCommand, &got), "--from-escrow f", beginOptions{FromEscrow: "f"}},
		{capture(newRotateBeginCommand, &got), "--abandon", beginOptions{Abandon: true}},
		{capture(newRotateStatusCommand, &got), "--store dir:a", rotateStatusOptions{Store: storeFlag{kind: "dir", path: "a"}}},
		{capture(newRotatePutBackCommand, &got), "--to-version 0 --store a --backup --dry-run",
			putBackOptions{To: versionFlag{true, 0}, Store: storeFlag{path: "a", Backup: true}, DryRun: true}},
		{capture(newRotateReadinessCommand, &got), "", readinessOptions{For: 15 * time.Second}},
		{capture(newRotateReadinessCommand, &got), "--watch --for 5m --no-writes users,secrets --no-writes public.t --endpoint http://a --endpoint http://b", readinessOptions{Watch: true, For: 5 * time.Minute,
			NoWrites: nameList{"users", "secrets", "public.t"}, Endpoints: []string{"http://a", "http://b"}}},
		{capture(newRotateFinishCommand, &got), "", finishOptions{proofOptions: proofOptions{Search: "auto"}}},
		{capture(newRotateFinishCommand, &got), "--from-version 0 --store envfile:e --backups-until 2027-03-31 --evidence e.json --allow-empty --dry-run --search full",
			finishOptions{From: versionFlag{set: true}, Store: storeFlag{kind: "envfile", path: "e"}, BackupsUntil: dayFlag{time.Date(2027, 3, 31, 0, 0, 0, 0, time.UTC)},
				Evidence: "e.json", AllowEmpty: true, DryRun: true, proofOptions: proofOptions{Search: "full"}}},
		{capture(newRotateAdminTokenCommand, &got), "--store a --backup --prove --endpoint admin-ui=http://a --prove-timeout 7s --old-file o --resume",
			adminTokenOptions{storeFlag{path: "a", Backup: true}, tokenOptions{Prove: true, Timeout: 7 * time.Second, Endpoints: endpointFlag{{Component: "admin-ui", Address: "http://a"}}, OldFile: "o", Resume: true}}},
		{capture(newRotateAgentTokenCommand, &got), "--store a --agent-store envfile:b --agent-store c --backup --dry-run",
			agentTokenOptions{storeFlag{path: "a", Backup: true}, storeList{{kind: "envfile", path: "b"}, {path: "c"}}, tokenOptions{Timeout: 5 * time.Minute, DryRun: true}}},
		{capture(newRotateInternalAdminTokenCommand, &got), "--admin-store a --prove-only --endpoint management=http://a",
			internalAdminTokenOptions{AdminStores: storeList{{path: "a"}}, tokenOptions: tokenOptions{ProveOnly: true, Timeout: 5 * time.Minute, Endpoints: endpointFlag{{Component: "management", Address: "http://a"}}}}},
		{capture(newRotateGatewayTokenCommand, &got), "--gateway-config g --store dir:a", gatewayTokenOptions{storeFlag{kind: "dir", path: "a"}, "g", tokenOptions{Timeout: 5 * time.Minute}}},
		{capture(newRotateFinishCommand, &got), "--escrow e", finishOptions{Escrow: "e", proofOptions: proofOptions{Search: "auto"}}},
		{capture(newRotateFinishCommand, &got), "--no-escrow", finishOptions{NoEscrow: true, proofOptions: proofOptions{Search: "auto"}}},
		{capture(newMigratePlanCommand, &got), selected + guarded + "--from-version 1 --allow-downgrade --out o.json --force",
			planOptions{From: versionFlag{true, 1}, selectionOptions: selection, AllowDowngrade: true, guardOptions: guard, Out: "o.json", Force: true}},
		{capture(newMigrateVerifyCommand, &got), selected + "--allow-empty", verifyOptions{selection, true, proofOptions{Search: "auto"}}},
		{capture(newMigrateAcceptCommand, &got), "--table t --column c --key k --reason why", acceptOptions{Table: "t", Column: "c", Key: "k", Reason: "why"}},
		{capture(newSessionInvalidateCommand, &got), "--all --except-user a,b --except-session s --include api-keys --including-new --reason why --delete --plain-delete --watch 5s --dry-run",
			invalidateOptions{All: true, sessionSelection: sessionSelection{ExceptUsers: nameList{"a", "b"}, ExceptSessions: nameList{"s"}}, Include: nameList{"api-keys"},
				IncludingNew: true, Reason: "why", Delete: true, PlainDelete: true, Watch: 5 * time.Second, DryRun: true}},
		{capture(newSessionInvalidateCommand, &got), "--all --endpoint http://a --endpoint http://b --close-streams --prove",
			invalidateOptions{All: true, Endpoints: []string{"http://a", "http://b"}, CloseStreams: true, Prove: true}},
		{capture(newSessionInvalidateCommand, &got), "--all --keep-logins", invalidateOptions{All: true, KeepLogins: true}},
		{capture(newSessionInvalidateCommand, &got), "--after-restart", invalidateOptions{AfterRestart: true}},
		{capture(newSessionInvalidateCommand, &got), selecting + "--expired --delete", invalidateOptions{sessionSelection: chosen(true, false), Delete: true}},
		{capture(newAuditCommand, &got), "", auditOptions{auditScope: auditScope{CheckTimeout: 10 * time.Minute}, FailOn: severityFlag(audit.Medium)}},
		{capture(newAuditCommand, &got), scoped + "--fail-on low --allow-unchecked --details --sarif s --junit j --csv c --html h",
			auditOptions{auditScope: scope, FailOn: severityFlag(audit.Low), AllowUnchecked: true, Details: true, SARIF: "s", JUnit: "j", CSV: "c", HTML: "h"}},
		{capture(newAuditBaselineWriteCommand, &got), scoped + "--owner me --reason why --expires 2027-03-31 --force --allow-unchecked --dry-run",
			baselineWriteOptions{auditScope: scope, Owner: "me", Reason: "why", Expires: "2027-03-31", Force: true, AllowUnchecked: true, DryRun: true}},
		{captureWithoutSettings(newAuditBaselineShowCommand, &got), "--baseline b", baselineShowOptions{Baseline: "b"}},
		{captureWithoutSettings(newAuditListCommand, &got), "", noOptions{}},
		{captureWithoutSettings(newAuditExplainCommand, &got), "OCMT-PG-006", auditExplainOptions{Args: []string{"OCMT-PG-006"}}},
		{capture(newSessionListCommand, &got), selecting + "--over-limit --most 7", sessionListOptions{sessionSelection: chosen(false, true), Most: 7}},
		{capture(newSessionStatsCommand, &got), "", sessionListOptions{Most: 10}},
		{capture(newStatusCommand, &got), "", noOptions{}},
		{capture(newMigrateStatusCommand, &got), "--watch", statusOptions{Watch: true}},
		{capture(newMigrateResetOrdersCommand, &got), "", resetOrdersOptions{}},
		{capture(newMigrateResetOrdersCommand, &got), "--all --dry-run", resetOrdersOptions{All: true, DryRun: true}},
		{capture(newMigrateColumnsCommand, &got), "--discover --full", columnsOptions{Discover: true, Full: true}},
		{capture(newMigrateSetCommand, &got), "rate=500 pace=full", setOptions{Args: []string{"rate=500", "pace=full"}, Rate: &rate, Pace: migrate.PaceFull}},
		{capture(newMigratePauseCommand, &got), "", noOptions{}},
		{capture(newMigrateResumeCommand, &got), "", noOptions{}},
		{capture(newMigrateAbortCommand, &got), "", noOptions{}},
		{capture(newAuditVerifyChainCommand, &got), "--head " + strings.Repeat("a", 64), verifyChainOptions{Head: strings.Repeat("a", 64)}},
		{capture(newAuditVerifyChainCommand, &got), "--sql", verifyChainOptions{SQL: true}},
		{capture(newRotateRedisPasswordCommand, &got), "--store dir:/run/secrets --wait 10m --back --allow-unsaved --allow-old-connections --dry-run",
			redisPasswordOptions{Store: storeFlag{kind: storeFolder, path: "/run/secrets"}, Wait: 10 * time.Minute, Back: true, AllowUnsaved: true, AllowOldConnections: true, DryRun: true,
				Carried: []string{"--allow-unsaved", "--store dir:/run/secrets"}}},
		{capture(newRotateRedisPasswordCommand, &got), "--store dir:/run/secrets --allow-unreached",
			redisPasswordOptions{Store: storeFlag{kind: storeFolder, path: "/run/secrets"}, AllowUnreached: true, Carried: []string{"--allow-unreached", "--store dir:/run/secrets"}}},
		{capture(newRotateRedisPasswordCommand, &got), "--store it's", redisPasswordOptions{Store: storeFlag{path: "it's"}, Carried: []string{`--store 'it'\''s'`}}},
		{capture(newRotateAllCommand, &got), "--incident --agent-store a --agent-store dir:b,c --admin-store d --gateway-store e --gateway-config g --prove --prove-timeout 1m --endpoint agent=http://a --endpoint gateway=http://g --old-file agent-token=f",
			rotateAllOptions{Incident: true, allTokenOptions: allTokenOptions{AgentStores: storeList{{path: "a"}, {kind: storeFolder, path: "b,c"}}, AdminStores: storeList{{path: "d"}}, GatewayStore: storeFlag{path: "e"}, GatewayConfig: "g",
				Prove: true, ProveTimeout: time.Minute, Endpoints: endpointFlag{{Component: "agent", Address: "http://a"}, {Component: "gateway", Address: "http://g"}}, OldFiles: oldTokenFiles{{"agent-token", "f"}}},
				Carried: []string{"--admin-store d", "--agent-store a", "--agent-store dir:b,c", "--endpoint agent=http://a", "--endpoint gateway=http://g", "--gateway-config g", "--gateway-store e", "--incident",
					"--old-file agent-token=f", "--prove", "--prove-timeout 1m0s"}}},
		{capture(newRotateAllCommand, &got), "--incident --anew --store .env --backup --two-roles a,b --userlist u --pgbouncer postgresql://b@/pgbouncer --list l --dry-run",
			rotateAllOptions{Incident: true, Anew: true, Store: storeFlag{path: ".env", Backup: true}, TwoRoles: nameList{"a", "b"}, Userlist: "u", PgBouncer: "postgresql://b@/pgbouncer", List: "l", DryRun: true, allTokenOptions: allTokenOptions{ProveTimeout: 5 * time.Minute},
				Carried: []string{"--backup", "--incident", "--pgbouncer postgresql://b@/pgbouncer", "--store .env", "--two-roles a,b", "--userlist u"}}},
		{capture(newRotateAllCommand, &got), "--routine --restarted", rotateAllOptions{Routine: true, Restarted: true, allTokenOptions: allTokenOptions{ProveTimeout: 5 * time.Minute}, Carried: []string{"--routine"}}},
		{capture(newRotateRedisPasswordCommand, &got), "--restarted", redisPasswordOptions{Restarted: true}},
		{capture(newRotateRedisPasswordCommand, &got), "--after-restart", redisPasswordOptions{AfterRestart: true}},
		{capture(newAuditRecordCommand, &got), "secret-rotated --secret JWT_SECRET --note n --at 2026-03-01T04:30:00Z --dry-run",
			auditRecordOptions{Args: []string{"secret-rotated"}, Secret: "JWT_SECRET", Note: "n", At: utcTimeFlag{time.Date(2026, 3, 1, 4, 30, 0, 0, time.UTC)}, DryRun: true}},
		{capture(newRotateDatabasePasswordCommand, &got), "--store dir:d --two-roles a,b --restarted --wait 5s --userlist u --pgbouncer postgresql://x@/pgbouncer --dry-run",
			databasePasswordOptions{Store: storeFlag{kind: "dir", path: "d"}, TwoRoles: nameList{"a", "b"}, Restarted: true, Wait: 5 * time.Second, Userlist: "u", PgBouncer: "postgresql://x@/pgbouncer", DryRun: true,
				Carried: []string{"--pgbouncer postgresql://x@/pgbouncer", "--store dir:d", "--two-roles a,b", "--userlist u"}}},
		{captureWithoutSettings(newDemoCommand, &got), "--users 70", demoOptions{Users: 70}},
		{captureWithoutSettings(newDemoCommand, &got), "--keep", demoOptions{Users: 10000, Keep: true}},
		{captureWithoutSettings(newDemoCommand, &got), "--stop f", demoOptions{Users: 10000, Stop: "f"}},
		{captureWithoutSettings(newVersionCommand, &got), "", noOptions{}},
	} {
		got = nil
		deps, _, _ := testDeps(t)
		app := &App{deps: deps, printer: ui.NewPrinter(deps.Streams, ui.Options{})}
		root, cmd := &cobra.Command{Use: "ocmt"}, c.build(app)
		root.AddCommand(cmd)
		root.SetArgs(append([]string{cmd.Name()}, strings.Fields(c.args)...))
		if err := root.ExecuteContext(context.Background()); err != nil {
			t.Errorf("%s %s: %v", cmd.Name(), c.args, err)
			continue
		}
		if diff := cmp.Diff(c.want, got, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", cmd.Name(), c.args, diff)
		}
	}
}

// If this fails, options that contradict each other are guessed at, or good ones are
// refused in the middle of the night.
func TestOptionsAreValidated(t *testing.T) {
	t.Parallel()
	move, proof := moveOptions{OnError: onErrorReport}, proofOptions{Search: "auto"}
	for _, c := range []struct {
		options validated
		want    string // part of the error; "" for good options
	}{
		{&runOptions{moveOptions: move}, ""},
		{&runOptions{}, "--on-error"},
		{&runOptions{moveOptions: move, guardOptions: guardOptions{ExpectKey: "abc"}}, "--expect-key"},
		{&runOptions{moveOptions: move, From: versionFlag{true, 1}, selectionOptions: selectionOptions{To: versionFlag{true, 1}}}, "are the same"},
		{&rotateOptions{runOptions{moveOptions: move}, proof}, "--from-version is needed"},
		{&rotateOptions{runOptions{moveOptions: move, From: versionFlag{set: true}}, proof}, ""},
		{&rotateOptions{runOptions{moveOptions: move, From: versionFlag{set: true}}, proofOptions{Search: "deep"}}, "--search must be"},
		{&readinessOptions{For: time.Second}, ""},
		{&readinessOptions{For: time.Millisecond}, "--for must be"},
		{&finishOptions{proofOptions: proof}, ""},
		{&finishOptions{proofOptions: proof, Evidence: "e.txt"}, "ends in .json"},
		{&finishOptions{proofOptions: proof, Escrow: "e", NoEscrow: true}, "exclude each other"},
		{&finishOptions{proofOptions: proof, Escrow: "-"}, "not standard output"},
		{&finishOptions{proofOptions: proofOptions{Search: "deep"}}, "--search must be"},
		{&verifyOptions{}, "--search must be"},
		{&rollbackOptions{moveOptions: move}, "--to-version is needed"},
		{&markDoneOptions{}, "one kind is needed"},
		{&adminTokenOptions{tokenOptions: tokenOptions{Timeout: time.Minute}}, "--store is needed"},
		{&adminTokenOptions{storeFlag{path: "a"}, tokenOptions{Timeout: time.Minute}}, ""},
		{&adminTokenOptions{storeFlag{path: "a"}, tokenOptions{}}, "--prove-timeout"},
		{&adminTokenOptions{storeFlag{path: "a"}, tokenOptions{Timeout: time.Minute, Prove: true}}, "--endpoint says where"},
		{&adminTokenOptions{storeFlag{path: "a"}, tokenOptions{Timeout: time.Minute, Endpoints: endpointFlag{{Component: "admin-ui"}}}}, "--endpoint is for"},
		{&adminTokenOptions{storeFlag{path: "a"}, tokenOptions{Timeout: time.Minute, Prove: true, Endpoints: endpointFlag{{Component: "agent"}}}}, "cannot be asked"},
		{&adminTokenOptions{storeFlag{path: "a"}, tokenOptions{Timeout: time.Minute, OldFile: "o"}}, "--old-file is for"},
		{&adminTokenOptions{storeFlag{path: "a"}, tokenOptions{Timeout: time.Minute, ProveOnly: true, Resume: true, Endpoints: endpointFlag{{Component: "admin-ui"}}}}, "changes nothing"},
		{&adminTokenOptions{storeFlag{path: "a"}, tokenOptions{Timeout: time.Minute, Prove: true, DryRun: true, Endpoints: endpointFlag{{Component: "admin-ui"}}}}, "sends nothing"},
		{&agentTokenOptions{tokenOptions: tokenOptions{Timeout: time.Minute}}, "--agent-store is needed"},
		{&internalAdminTokenOptions{tokenOptions: tokenOptions{Timeout: time.Minute}}, "--admin-store is needed"},
		{&gatewayTokenOptions{tokenOptions: tokenOptions{Timeout: time.Minute}}, "are needed"},
		{&gatewayTokenOptions{GatewayConfig: "g", Store: storeFlag{Backup: true}, tokenOptions: tokenOptions{Timeout: time.Minute}}, "--backup"},
		{&rotateAllOptions{Routine: true, allTokenOptions: allTokenOptions{GatewayConfig: "g", ProveTimeout: time.Minute}}, "not due each quarter"},
		{&rotateAllOptions{Incident: true, allTokenOptions: allTokenOptions{GatewayConfig: "-", ProveTimeout: time.Minute}}, "not standard input"},
		{&rotateAllOptions{Routine: true, allTokenOptions: allTokenOptions{Prove: true, ProveTimeout: time.Minute}}, "--endpoint says where"},
		{&rotateAllOptions{Routine: true, allTokenOptions: allTokenOptions{Endpoints: endpointFlag{{Component: "agent"}}, ProveTimeout: time.Minute}}, "is for --prove"},
		{&rotateAllOptions{Routine: true, allTokenOptions: allTokenOptions{OldFiles: oldTokenFiles{{"agent-token", "f"}}, ProveTimeout: time.Minute}}, "is for --prove"},
		{&rotateAllOptions{Routine: true, allTokenOptions: allTokenOptions{Prove: true, Endpoints: endpointFlag{{Component: "gateway"}}, ProveTimeout: time.Minute}}, "any token of this list"},
		{&rotateAllOptions{Routine: true}, "at least 1s"},
		{&gatewayTokenOptions{GatewayConfig: "-", tokenOptions: tokenOptions{Timeout: time.Minute}}, "not standard input"},
		{&markDoneOptions{Args: []string{"github-client-secret", "x"}}, "one kind is needed"},
		{&markDoneOptions{Args: []string{"github-client-secret"}}, ""},
		{&markDoneOptions{Args: []string{"admin-token"}}, "is changed from here"},
		{&markDoneOptions{Args: []string{"encryption"}}, "has a story of its own"},
		{&markDoneOptions{Args: []string{"github-client-secret"}, Note: strings.Repeat("é", 1001)}, "1000 characters"},
		{&gatewayTokensOptions{}, "nothing is selected"},
		{&gatewayTokensOptions{All: true}, ""},
		{&gatewayTokensOptions{All: true, Tenants: textList{"t"}}, "--all is everybody"},
		{&gatewayTokensOptions{Users: nameList{"u"}, ExpectKey: "abc"}, "--expect-key"},
		{&beginOptions{Escrow: "a", NoEscrow: true}, "exclude each other"},
		{&beginOptions{FromEscrow: "a", Abandon: true}, "exclude each other"},
		{&beginOptions{FromEscrow: "-"}, "not standard input"},
		{&beginOptions{}, ""},
		{&putBackOptions{}, "--to-version is needed"},
		{&putBackOptions{To: versionFlag{set: true}}, ""},
		{&planOptions{Force: true}, "--force is for --out"},
		{&planOptions{}, ""},
		{&invalidateOptions{}, "nothing is selected"},
		{&invalidateOptions{All: true}, ""},
		{&invalidateOptions{All: true, sessionSelection: sessionSelection{Users: nameList{"u"}}}, "--all is everything"},
		{&invalidateOptions{All: true, sessionSelection: sessionSelection{ExceptUsers: nameList{"u"}}}, ""},
		{&invalidateOptions{sessionSelection: sessionSelection{ExceptUsers: nameList{"u"}}}, "nothing is selected"},
		{&invalidateOptions{sessionSelection: sessionSelection{Expired: true}}, "--expired is for --delete"},
		{&invalidateOptions{Delete: true, sessionSelection: sessionSelection{Expired: true, OverLimit: true}}, "exclude each other"},
		{&invalidateOptions{All: true, Reason: strings.Repeat("é", 51)}, "has 51 characters"},
		{&invalidateOptions{All: true, Reason: strings.Repeat("é", 50)}, ""},
		{&invalidateOptions{All: true, Include: nameList{"sessions"}}, "--include takes"},
		{&invalidateOptions{All: true, CloseStreams: true}, "--endpoint says where"},
		{&invalidateOptions{AfterRestart: true, Endpoints: []string{"http://a"}}, "--dry-run alone"},
		{&invalidateOptions{AfterRestart: true, DryRun: true}, ""},
		{&invalidateOptions{All: true, KeepLogins: true, Delete: true}, "--keep-logins leaves"},
		{&invalidateOptions{All: true, Prove: true}, "--endpoint says where"},
		{&invalidateOptions{All: true, PlainDelete: true, Endpoints: []string{"http://a"}}, "exclude each other"},
		{&invalidateOptions{Prove: true, Endpoints: []string{"http://a"}, sessionSelection: sessionSelection{TokenStdin: true}}, "so does another flag"},
		{&invalidateOptions{All: true, CloseStreams: true, Prove: true, Endpoints: []string{"http://a"}}, ""},
		{&invalidateOptions{AfterRestart: true}, ""},
		{&invalidateOptions{AfterRestart: true, All: true}, "takes no selection"},
		{&invalidateOptions{All: true, Watch: -1}, "--watch must be"},
		{&invalidateOptions{sessionSelection: sessionSelection{TokenStdin: true, UsersFrom: "-"}}, "both read standard input"},
		{&sessionListOptions{}, "--most must be"},
		{&sessionListOptions{Most: 1}, ""},
		{&acceptOptions{Table: "t", Column: "c", Key: "k"}, "--reason is needed"},
		{&acceptOptions{Table: "t", Column: "c", Reason: "r"}, "are needed"},
		{&acceptOptions{Table: "t", Column: "c", Key: "k", Withdraw: true}, ""},
		{&acceptOptions{Table: "t", Column: "c", Key: "k", Reason: "r", Withdraw: true}, "not for --withdraw"},
		{&redisPasswordOptions{}, ""},
		{&redisPasswordOptions{Restarted: true, Back: true}, "--restarted comes then"},
		{&redisPasswordOptions{AfterRestart: true}, ""},
		{&redisPasswordOptions{AfterRestart: true, Restarted: true}, "--after-restart only looks"},
		{&redisPasswordOptions{AfterRestart: true, Back: true}, "--after-restart only looks"},
		{&redisPasswordOptions{AfterRestart: true, Wait: time.Minute}, "--after-restart only looks"},
		{&redisPasswordOptions{AfterRestart: true, DryRun: true}, "--after-restart only looks"},
		{&redisPasswordOptions{Restarted: true, Wait: time.Minute}, "--wait waits"},
		{&redisPasswordOptions{Wait: -time.Minute}, "--wait must be"},
		{&verifyChainOptions{}, ""},
		{&verifyChainOptions{Head: strings.Repeat("aF", 32)}, ""},
		{&verifyChainOptions{Head: strings.Repeat("a", 63)}, "--head must be"},
		{&verifyChainOptions{Head: strings.Repeat("a", 64), SQL: true}, "--head is not for it"},
		{&auditRecordOptions{}, "one event is needed"},
		{&auditRecordOptions{Args: []string{"backup-verified", "x"}}, "one event is needed"},
		{&auditRecordOptions{Args: []string{"backup-verified"}, Note: strings.Repeat("é", 1000)}, ""},
		{&auditRecordOptions{Args: []string{"backup-verified"}, Note: strings.Repeat("é", 1001)}, "1000 characters"},
		{&auditRecordOptions{Args: []string{"secret-rotated"}}, "needs --secret"},
		{&auditRecordOptions{Args: []string{"secret-rotated"}, Secret: "a value"}, "never its value"},
		{&auditRecordOptions{Args: []string{"secret-rotated"}, Secret: "JWT_SECRET"}, ""},
		{&columnsOptions{Full: true}, "--full is for --discover"},
		{&validateOptions{}, ""},
		{&validateOptions{FailOn: "warning", Strict: true, Component: "agent", AdminFile: "f"}, ""},
		{&validateOptions{FailOn: "info"}, "--fail-on must be"},
		{&validateOptions{Live: true}, ""},
		{&validateOptions{Live: true, LiveQuery: true, Endpoints: endpointFlag{{Component: "agent", Address: "http://a"}}}, ""},
		{&validateOptions{Endpoints: endpointFlag{{Component: "agent", Address: "http://a"}}}, "--live is not given"},
		{&validateOptions{Live: true, LiveQuery: true}, "--live-query needs"},
		{&validateOptions{FailOn: "error", Strict: true}, "contradicts"},
		{&validateOptions{Component: "agent", AgentFile: "f"}, "leave one of the two out"},
		{&validateOptions{Component: "admin-ui", AdminFile: "f"}, "leave one of the two out"},
		{&setOptions{}, "a setting is needed"},
		{&setOptions{Args: []string{"rate=-1"}}, "rate must be"},
		{&setOptions{Args: []string{"pace=fast"}}, "pace must be"},
		{&setOptions{Args: []string{"workers=3"}}, "only rate and pace"},
		{&demoOptions{}, "--users"},
		{&demoOptions{Users: 20, Keep: true}, ""},
		{&demoOptions{Users: 20, Keep: true, Stop: "f"}, "exclude each other"},
		{&demoOptions{Users: 20, Stop: "f"}, ""},
		{&keygenOptions{Kind: "encryption", Format: "raw", Force: true}, "--force is for --out"},
		{&keygenOptions{Kind: "encryption", Count: 1, Format: "raw"}, ""},
		{&keygenOptions{Kind: "encryption", Format: "raw", KeyVersion: versionFlag{true, 1}}, "no place in the raw form"},
		{&keygenOptions{Kind: "encryption", Count: 1, Format: "env", KeyVersion: versionFlag{true, 1}}, ""},
		{&keygenOptions{Kind: "encryption", Count: 1, Format: "kubernetes", KeyVersion: versionFlag{true, 1}}, ""},
		{&keygenOptions{Kind: "encryption", Count: 1, Format: "docker", KeyVersion: versionFlag{true, 1}}, "no place in the docker form"},
		{&keygenOptions{Kind: "encryption", Count: 0, Format: "raw"}, "from 1 to 10000"},
		{&keygenOptions{Kind: "encryption", Count: 10001, Format: "raw"}, "from 1 to 10000"},
		{&keygenOptions{Kind: "agent-token", Count: 10000, Format: "raw"}, ""},
		{&keygenOptions{Kind: "agent-token", Count: 2, Format: "env"}, "that of one secret"},
		{&keygenOptions{Kind: "agent-token", Count: 2, Format: "docker"}, "that of one secret"},
		{&keygenOptions{Kind: "agent-token", Count: 2, Format: "kubernetes"}, "that of one secret"},
		{&keygenOptions{Kind: "agent-token", Count: 1, Format: "raw", Setting: "AUTH_TOKEN"}, "forms that name the secret"},
		{&keygenOptions{Kind: "agent-token", Count: 1, Format: "docker", Setting: "AUTH_TOKEN"}, ""},
		{&keygenOptions{Kind: "agent-token", Count: 1, Format: "env", Setting: "OTHER"}, "must be AGENT_SERVER_TOKEN or AUTH_TOKEN"},
		{&keygenOptions{Kind: "gateway-token", Count: 1, Format: "env", Setting: "gateway.auth.token"}, "must be OPENCLAW_GATEWAY_TOKEN"},
		{&keygenOptions{Kind: "agent-token", Count: 1, Format: "raw", Base64: true}, "this kind may not"},
		{&keygenOptions{Kind: "admin-token", Count: 1, Format: "raw", Base64: true}, ""},
		{&keygenOptions{Kind: "database-password", Count: 1, Format: "env"}, "only the password in it"},
		{&keygenOptions{Kind: "redis-password", Count: 1, Format: "kubernetes"}, "only the password in it"},
		{&keygenOptions{Kind: "redis-password", Count: 1, Format: "docker"}, ""},
		{&keygenOptions{Kind: "redis-password", Count: 1, Format: "docker", Setting: "REDIS_URL"}, "this one does not"},
		{&keygenOptions{Kind: "one without versions", Format: "env", KeyVersion: versionFlag{true, 1}}, "this kind has none"},
	} {
		err := c.options.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T %+v: %v, want %q", c.options, c.options, err, c.want)
		}
	}
}
