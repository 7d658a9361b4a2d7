package migrate

// mostUsualWorkers is how many workers are chosen at the most where nobody says a
// number: the server's cores are not known, and its live servers need some.
const mostUsualWorkers = 4

// UsualWorkers returns how many workers a machine of so many cores is good for: each
// keeps about one core busy here or at the server.
func UsualWorkers(cores int) int { return max(1, min(cores, mostUsualWorkers)) }

// shareOfRoom is the share of the server's free connections that workers take, one
// in so many.
const shareOfRoom = 4

// WorkersFor returns how many workers to use on a server that has room for so many
// connections more.
func WorkersFor(cores, room int) int { return max(1, min(UsualWorkers(cores), room/shareOfRoom)) }
