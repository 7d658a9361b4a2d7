package migrate

// maxDefaultWorkers bounds the number of workers where the operator sets none. The
// number of the server's cores is not known, and live servers need some of them.
const maxDefaultWorkers = 4

// DefaultWorkers returns how many workers a machine with so many cores runs. Each
// worker keeps about one core busy, here or at the server.
func DefaultWorkers(cores int) int { return max(1, min(cores, maxDefaultWorkers)) }

// connectionShare is the share of the server's free connections that workers take:
// one in so many.
const connectionShare = 4

// WorkersFor returns how many workers to run against a server that has so many free
// connections.
func WorkersFor(cores, freeConnections int) int {
	return max(1, min(DefaultWorkers(cores), freeConnections/connectionShare))
}
