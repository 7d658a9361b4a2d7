package redispassword_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/redis/redisacl"
	"github.com/ocmt/ocmt/internal/redispassword"
)

// change makes a whole change, and returns the processes that are kept of it.
func (d *deployment) change() redispassword.Kept {
	d.t.Helper()
	d.begin()
	result := d.finish()
	if !result.Done || len(result.Processes) < len(d.servers) {
		d.t.Fatalf("the change did not end, or kept no processes: %+v", result)
	}
	return redispassword.Kept{Processes: result.Processes, Fingerprint: result.Fingerprint}
}

// prove looks at Redis as another process of ocmt does.
func (d *deployment) prove(before redispassword.Kept) *redispassword.Proof {
	d.t.Helper()
	finder := redisacl.New(d.servers[0].open(d.store.get("REDIS_URL")))
	defer finder.Close()
	sources := d.sources()
	sources.Finder = finder
	kept := d.servers[0].acl()
	proof, err := redispassword.Prove(context.Background(), sources, before)
	if err != nil {
		d.t.Fatal(err)
	}
	if d.servers[0].acl() != kept {
		d.t.Error("the look has changed the users of Redis")
	}
	if text := fmt.Sprintf("%+v", proof); strings.Contains(text, d.password()) || strings.Contains(text, d.old) {
		d.t.Error("the proof holds a password")
	}
	return proof
}

// acl returns the files of a server that can hold users.
func (s *server) acl() string {
	text, _ := os.ReadFile(s.folder + "/users.acl")
	return string(text) + s.read(s.config())
}

// do sends a command as the user default.
func (s *server) do(password string, args ...any) {
	s.t.Helper()
	client := driver.NewClient(&driver.Options{Addr: s.address(), Password: password})
	defer func() { _ = client.Close() }()
	if err := client.Do(context.Background(), args...).Err(); err != nil {
		s.t.Fatal(err)
	}
}

// startWithUsers starts a Redis with a file of users.
func startWithUsers(t *testing.T, users string) *server {
	t.Helper()
	s := &server{t: t, folder: t.TempDir(), port: freePort(t)}
	writeFile(t, s.folder+"/users.acl", users)
	s.begin("bind 127.0.0.1\nport "+portText(s)+"\ndir "+s.folder+"\nsave \"\"\naclfile "+s.folder+"/users.acl\n", "")
	return s
}

// obstaclesOf returns the obstacles of a proof in one line, those that are findings first.
func obstaclesOf(proof *redispassword.Proof) string {
	texts := []string{}
	for _, one := range slices.Concat(proof.Findings, proof.Unproven) {
		texts = append(texts, one.Where+": "+one.Message)
	}
	return strings.Join(texts, "; ")
}

// checkProven wants a proof that is one.
func checkProven(t *testing.T, proof *redispassword.Proof, servers int) {
	t.Helper()
	if !proof.IsProven() || len(proof.Servers) != servers {
		t.Fatalf("it is not proven: %s; %+v", obstaclesOf(proof), proof.Servers)
	}
	for _, server := range proof.Servers {
		if server.Restarted != redispassword.SeenYes || server.Accepts != redispassword.SeenYes ||
			!server.Sentinel && (server.Refuses != redispassword.SeenYes || server.Stored != redispassword.SeenYes) {
			t.Errorf("proven without having been seen: %+v", server)
		}
	}
}

// checkUnproven wants a look that found nothing wrong, and does not pass.
func checkUnproven(t *testing.T, proof *redispassword.Proof, message string) {
	t.Helper()
	if proof.IsProven() || len(proof.Findings) > 0 || len(proof.Unproven) == 0 || !strings.Contains(obstaclesOf(proof), message) {
		t.Fatalf("it is not what could not be proven (%s): %+v", message, proof)
	}
}

// checkFound wants a finding.
func checkFound(t *testing.T, proof *redispassword.Proof, message string) {
	t.Helper()
	for _, found := range proof.Findings {
		if strings.Contains(found.Message, message) && found.Fix != "" && !proof.IsProven() {
			return
		}
	}
	t.Fatalf("it is not found (%s): %+v", message, proof)
}

// If this fails, an operator is told that the new password holds after a restart of Redis before there was
// one, or is not told where it holds.
func TestProofAfterRestart(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(t *testing.T) *server{
		"file of users":  func(t *testing.T) *server { return startWithUsers(t, "user default on >old-password ~* &* +@all\n") },
		"CONFIG REWRITE": func(t *testing.T) *server { return start(t, "requirepass old-password") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			d := deploy(t, []*server{s}, s.url("", "old-password"), "default", "old-password")
			before := d.change()
			checkUnproven(t, d.prove(before), "not restarted yet")
			s.restart()
			checkProven(t, d.prove(before), 1)
			// Without what is kept of the change, nobody knows whether it has restarted.
			checkUnproven(t, d.prove(redispassword.Kept{Reason: "there is none"}), "there is none")
			checkUnproven(t, d.prove(redispassword.Kept{Processes: before.Processes, Fingerprint: "of another"}), "is not that to the password of REDIS_URL")
			checkUnproven(t, d.prove(redispassword.Kept{Processes: []redispassword.Process{{Address: s.address()}}, Fingerprint: before.Fingerprint}), "is not in the record")
			// The old password came back beside the new one.
			s.do(d.password(), "acl", "setuser", "default", ">old-password")
			checkFound(t, d.prove(before), "another password stored beside")
			s.do(d.password(), "acl", "setuser", "default", "nopass")
			checkFound(t, d.prove(before), "takes any password (nopass)")
		})
	}
}

// If this fails, an operator learns from servers that are locked out that Redis came back with the old password.
func TestProofWhereTheOldPasswordCameBack(t *testing.T) {
	t.Parallel()
	s := start(t, "requirepass old-password")
	d := deploy(t, []*server{s}, s.url("", "old-password"), "default", "old-password")
	written := s.read(s.config())
	before := d.change()
	writeFile(t, s.config(), written) // whatever starts this server writes its file anew
	s.restart()
	d.expect("after the restart", "old-password", "")
	checkFound(t, d.prove(before), "refuses its password")
	// An account that is let in sees the server itself.
	s = startWithUsers(t, "user default on >of-the-admin ~* &* +@all\nuser ocmt on >old-password ~* +@all\n")
	d = deploy(t, []*server{s}, s.url("", "of-the-admin"), "ocmt", "old-password")
	users := s.read(s.folder + "/users.acl")
	before = d.change()
	writeFile(t, s.folder+"/users.acl", users)
	s.restart()
	finder := redisacl.New(s.open(s.url("", "of-the-admin")))
	defer finder.Close()
	sources := d.sources()
	sources.Finder = finder
	proof, err := redispassword.Prove(context.Background(), sources, before)
	if err != nil {
		t.Fatal(err)
	}
	checkFound(t, proof, "refuses the password of REDIS_URL for the user ocmt")
	checkFound(t, proof, "does not have the password of REDIS_URL stored")
	s.do("of-the-admin", "acl", "setuser", "ocmt", "nopass")
	if open, err := redispassword.Prove(context.Background(), sources, before); err != nil {
		t.Error(err)
	} else {
		checkFound(t, open, "accepts a password that was made up")
	}
	if proof.Servers[0].Restarted != redispassword.SeenYes || proof.Servers[0].Stored != redispassword.SeenNo {
		t.Errorf("what was seen of the server is not said: %+v", proof.Servers)
	}
}

// If this fails, the restart of one server of a replica set passes as that of all, and the next failover brings
// the old password back.
func TestProofOfAReplicaSet(t *testing.T) {
	t.Parallel()
	primary, replica := startReplicated(t, "old-password")
	d := deploy(t, []*server{primary, replica}, primary.url("", "old-password"), "default", "old-password")
	before := d.change()
	connected := func() bool { return strings.Contains(replica.info(d.password()), "master_link_status:up") }
	primary.restart()
	await(t, "the replica", connected)
	proof := d.prove(before)
	checkUnproven(t, proof, "not restarted yet")
	if len(proof.Unproven) != 1 || proof.Unproven[0].Where != replica.address() {
		t.Errorf("the one that has not restarted is not the one that is named: %+v", proof.Unproven)
	}
	replica.stop()
	checkUnproven(t, d.prove(before), "is not found now")
	replica.run()
	await(t, "the replica", connected)
	checkProven(t, d.prove(before), 2)
}

// If this fails, a Redis that does not tell which passwords it has passes for one that was looked at.
func TestProofWhereItMayNotBeAsked(t *testing.T) {
	t.Parallel()
	s := start(t, "requirepass old-password", `rename-command ACL ""`)
	d := deploy(t, []*server{s}, s.url("", "old-password"), "default", "old-password")
	before := d.change()
	s.restart()
	proof := d.prove(before)
	checkUnproven(t, proof, "could not be looked at")
	if proof.Servers[0].Stored != redispassword.Unseen || proof.Servers[0].Restarted != redispassword.SeenYes {
		t.Errorf("what was seen is not said: %+v", proof.Servers)
	}
}

// If this fails, an account that may not ask for the passwords of a user passes every server.
func TestProofByAnAccountWithFewRights(t *testing.T) {
	t.Parallel()
	s := startWithUsers(t, "user default on >old-password ~* &* +@all\nuser few on >of-few -@all +info\n")
	d := deploy(t, []*server{s}, s.url("", "old-password"), "default", "old-password")
	before := d.change()
	s.restart()
	finder := redisacl.New(s.open(s.url("few", "of-few")))
	defer finder.Close()
	sources := d.sources()
	sources.Finder = finder
	proof, err := redispassword.Prove(context.Background(), sources, before)
	if err != nil {
		t.Fatal(err)
	}
	checkUnproven(t, proof, "the user few may not ask which passwords it has stored")
	if proof.Servers[0].Stored != redispassword.Unseen || proof.Unproven[0].Fix != "ACL SETUSER few +acl|getuser" {
		t.Errorf("it does not say what helps: %+v", proof)
	}
}

// If this fails, a node of a cluster that came back with the old password passes, because users are not replicated.
func TestProofOfACluster(t *testing.T) {
	t.Parallel()
	d := deployCluster(t)
	written := d.servers[1].read(d.servers[1].config())
	before := d.change()
	for _, s := range d.servers {
		s.restart()
	}
	await(t, "the nodes after the restart", func() bool { return len(d.prove(before).Servers) == len(d.servers) })
	checkProven(t, d.prove(before), len(d.servers))
	writeFile(t, d.servers[1].config(), written)
	d.servers[1].restart()
	proof := d.prove(before)
	checkFound(t, proof, "it refuses the password of REDIS_URL")
	for _, found := range proof.Findings {
		if found.Where != d.servers[1].address() {
			t.Errorf("another node is named than the one that came back with the old password: %+v", found)
		}
	}
}

// If this fails, a Sentinel that comes back with the old password is not found before it fails to fail over.
func TestProofBehindSentinel(t *testing.T) {
	t.Parallel()
	primary, replica := startReplicated(t, "old-password")
	sentinel := startSentinels(t, primary, "old-password", 1)[0]
	client := sentinelClient(sentinel)
	defer func() { _ = client.Close() }()
	know := func() bool { return len(client.Replicas(context.Background(), "ocmt").Val()) == 1 }
	await(t, "what the Sentinel knows", know)
	address := func(password string) string {
		return fmt.Sprintf("redis://:%s@%s/0?master_name=ocmt&sentinel_password=of-the-sentinel", password, sentinel.address())
	}
	d := deploy(t, []*server{primary, replica}, address("old-password"), "default", "old-password")
	before := d.change()
	prove := func() *redispassword.Proof {
		finder := redisacl.New(primary.open(address(d.password())))
		defer finder.Close()
		sources := d.sources()
		sources.Finder = finder
		proof, err := redispassword.Prove(context.Background(), sources, before)
		if err != nil {
			t.Fatal(err)
		}
		return proof
	}
	sentinel.stop() // so that it does not fail over meanwhile
	primary.restart()
	replica.restart()
	await(t, "the replica", func() bool { return strings.Contains(replica.info(d.password()), "master_link_status:up") })
	sentinel.run()
	await(t, "what the Sentinel knows", know)
	checkProven(t, prove(), 3)
	written := sentinel.read(sentinel.config())
	sentinel.stop()
	writeFile(t, sentinel.config(), strings.ReplaceAll(written, d.password(), "old-password"))
	sentinel.run()
	checkFound(t, prove(), "does not reach the primary")
}
