package pgmigrate

import "testing"

// If this fails, a run looks for the values of a distributed table by their TIDs on a server
// that has none of its rows, or sorts a table anew for each batch.
func TestReadsPlans(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		plan           []string
		pages, inOrder bool
	}{
		"page ranges": {[]string{"Tid Range Scan on users  (cost=0.01..4.03 rows=1 width=4)",
			"  TID Cond: ((ctid >= '(0,0)'::tid) AND (ctid < '(1,0)'::tid))"}, true, true},
		"before page ranges": {[]string{"Seq Scan on users  (cost=10000000000.00..10000000010.75 rows=1 width=4)",
			"  Filter: ((ctid >= '(0,0)'::tid) AND (ctid < '(1,0)'::tid))"}, false, true},
		"page ranges of a shard": {[]string{"Custom Scan (Citus Adaptive)  (cost=0.00..0.00 rows=100000 width=4)",
			"  Task Count: 32", "  Tasks Shown: One of 32", "  ->  Task", "        Node: host=localhost port=9701 dbname=ocmt",
			"        ->  Tid Range Scan on users_102008 users  (cost=0.01..4.03 rows=1 width=4)"}, false, true},
		"an index": {[]string{"Limit  (cost=0.15..0.21 rows=1 width=16)",
			"  ->  Index Only Scan using users_pkey on users t  (cost=0.15..61.02 rows=1058 width=16)"}, false, true},
		"an index of each partition": {[]string{"Limit  (cost=0.31..0.37 rows=1 width=16)",
			"  ->  Merge Append  (cost=0.31..132.48 rows=2116 width=16)", "        Sort Key: t.id",
			"        ->  Index Only Scan using east_pkey on east t_1  (cost=0.15..55.62 rows=1058 width=16)"}, false, true},
		"no index": {[]string{"Limit  (cost=10000000026.70..10000000026.70 rows=1 width=16)",
			"  ->  Sort  (cost=10000000026.70..10000000029.80 rows=1240 width=16)", "        Sort Key: id",
			"        ->  Seq Scan on users t  (cost=10000000000.00..10000000020.50 rows=1240 width=16)"}, false, false},
		"an index of each shard": {[]string{"Limit  (cost=0.00..0.00 rows=1 width=16)",
			"  ->  Sort  (cost=0.00..0.00 rows=100000 width=16)", "        Sort Key: remote_scan.id",
			"        ->  Custom Scan (Citus Adaptive)  (cost=0.00..0.00 rows=100000 width=16)", "              ->  Task",
			"                    ->  Limit  (cost=0.15..0.21 rows=1 width=16)",
			"                          ->  Index Only Scan using users_pkey_102008 on users_102008 t  (cost=0.15..61.02 rows=1058 width=16)"}, false, true},
		"no index of a shard": {[]string{"Limit  (cost=0.00..0.00 rows=1 width=16)",
			"  ->  Sort  (cost=0.00..0.00 rows=100000 width=16)", "        ->  Custom Scan (Citus Adaptive)  (cost=0.00..0.00 rows=100000 width=16)",
			"              ->  Task", "                    ->  Limit  (cost=26.70..26.70 rows=1 width=16)",
			"                          ->  Sort  (cost=26.70..29.80 rows=1240 width=16)"}, false, false},
		"not to be had": {nil, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := isPageScan(c.plan); got != c.pages {
				t.Errorf("by pages: %v, want %v", got, c.pages)
			}
			if got := isInOrder(c.plan); got != c.inOrder {
				t.Errorf("in order: %v, want %v", got, c.inOrder)
			}
		})
	}
}
