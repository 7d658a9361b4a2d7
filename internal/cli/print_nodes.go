package cli

import (
	"strings"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
)

// printNodes says where the rows of a cluster are moved.
func printNodes(printer *ui.Printer, nodes []migrate.Node) {
	var reached []string
	for _, node := range nodes {
		if node.Problem == "" {
			reached = append(reached, node.Name)
			continue
		}
		printer.Line("Rows on the node %s are moved through the coordinator, because the node is not reached: %s.", node.Name, node.Problem)
	}
	if len(reached) > 0 {
		printer.Line("Rows of distributed tables are moved on their nodes: %s.", strings.Join(reached, ", "))
	}
}
