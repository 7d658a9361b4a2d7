package cli

// demoDocument is what ocmt demo writes.
type demoDocument struct {
	Users     int         `json:"users"`
	Sealed    int         `json:"values_sealed"`
	Plaintext int         `json:"values_in_the_clear"`
	Steps     []demoStep  `json:"steps"`
	Opened    int         `json:"values_opened"`
	Unopened  int         `json:"values_unopened"`
	Writes    int         `json:"writes_by_servers"`
	Compared  int         `json:"values_compared"`
	Lost      int         `json:"values_lost"`
	Kept      *keptServer `json:"kept,omitempty"` // with --keep
}

type demoStep struct {
	Command string `json:"command"`
	Exit    int    `json:"exit_status"`
}

// keptServer is what ocmt demo --keep leaves.
type keptServer struct {
	Folder      string `json:"folder"`
	Environment string `json:"environment_file"`
	EnvFile     string `json:"env_file"`
}

// demoStopDocument is what ocmt demo --stop writes.
type demoStopDocument struct {
	Folder string `json:"folder"`
	Ended  bool   `json:"ended"`
}
