package compress

import "sync"

// maxPeers bounds the destinations whose handlers are known to read what is compressed.
const maxPeers = 1024

// peers remembers what the handlers of destinations read. The zero value knows none.
type peers struct {
	mu    sync.RWMutex // guards reads
	reads map[string]encoding
}

// of is what the handlers of destination read; nil is unknown.
func (p *peers) of(destination string) encoding {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.reads[destination]
}

func (p *peers) learn(destination string, e encoding) {
	if e == nil || p.of(destination) == e {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reads == nil {
		p.reads = make(map[string]encoding)
	}
	if len(p.reads) < maxPeers || p.reads[destination] != nil {
		p.reads[destination] = e
	}
}

func (p *peers) forget(destination string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.reads, destination)
}
