package netconn

import "net"

// OwnAddresses returns the addresses of this machine in its networks: neither loopback nor those of one link.
func OwnAddresses() ([]net.IP, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var list []net.IP
	for _, one := range all {
		if network, is := one.(*net.IPNet); is && !network.IP.IsLoopback() && !network.IP.IsLinkLocalUnicast() {
			list = append(list, network.IP)
		}
	}
	return list, nil
}
