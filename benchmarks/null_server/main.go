// A server that speaks just enough of Azure Blob Storage's REST for a client to copy at its own ceiling: what is sent is
// read and thrown away, what is asked for is zeros. Of a blob that was sent it remembers length and MD5, as told by the
// client, so that a client that verifies is content; logins are not looked at.
//
// It prints its address when it listens, and ends when its standard input does, so that it never outlives its starter.
package main

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	etag      = `"0x8D0000000000000"`
	version   = "2021-12-02"
	pageLimit = 5000
	piece     = 1 << 20
)

var (
	zeros   = make([]byte, piece)
	buffers = sync.Pool{New: func() any { return new([piece]byte) }}
)

// A blob that was sent: what there is to tell of it.
type blob struct {
	size  int64
	md5   string
	kind  string
	since time.Time
	meta  map[string]string
}

type server struct {
	source   string
	names    []string
	made     blob
	mutex    sync.Mutex
	sent     map[string]map[string]blob
	blocks   map[string]map[string]int64
	digests  map[int64]string
	digestMu sync.Mutex
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	source := flag.String("source", "source", "the container that is full from the beginning")
	count := flag.Int("blobs", 0, "how many blobs it holds, 100 to a folder: data/000/000000.bin")
	size := flag.Int64("size", 0, "bytes of each of them")
	flag.Parse()

	state := &server{
		source:  *source,
		names:   make([]string, *count),
		sent:    map[string]map[string]blob{},
		blocks:  map[string]map[string]int64{},
		digests: map[int64]string{},
	}
	for index := range state.names {
		state.names[index] = fmt.Sprintf("data/%03d/%06d.bin", index/100, index)
	}
	// Beyond 999 folders and 999999 blobs the names are longer, and their order is not that of their numbers.
	sort.Strings(state.names)
	state.made = blob{size: *size, md5: state.digest(*size), kind: "application/octet-stream", since: time.Now()}

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Fprintln(os.Stderr, http.Serve(listener, state))
	os.Exit(1)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Server", "datamove-null")
	head.Set("x-ms-version", version)
	head.Set("x-ms-request-id", "00000000-0000-0000-0000-000000000000")
	// The account is the path's first part, as with the emulators.
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 3)
	switch {
	case len(parts) < 2 || parts[1] == "":
		s.account(w, r)
	case len(parts) < 3 || parts[2] == "":
		s.container(w, r, parts[1])
	default:
		s.blob(w, r, parts[1], parts[2])
	}
}

func (s *server) account(w http.ResponseWriter, r *http.Request) {
	drain(r)
	if r.URL.Query().Get("comp") != "list" {
		w.Header().Set("x-ms-sku-name", "Standard_LRS")
		w.Header().Set("x-ms-account-kind", "StorageV2")
		return
	}
	write(w, `<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Containers><Container><Name>%s</Name><Properties>`+
		`<Last-Modified>%s</Last-Modified><Etag>%s</Etag></Properties></Container></Containers><NextMarker/></EnumerationResults>`,
		s.source, date(s.made.since), etag)
}

func (s *server) container(w http.ResponseWriter, r *http.Request, name string) {
	drain(r)
	head := w.Header()
	head.Set("ETag", etag)
	head.Set("Last-Modified", date(s.made.since))
	switch r.Method {
	case http.MethodPut:
		w.WriteHeader(http.StatusCreated)
	case http.MethodDelete:
		s.mutex.Lock()
		delete(s.sent, name)
		s.mutex.Unlock()
		w.WriteHeader(http.StatusAccepted)
	case http.MethodGet:
		if r.URL.Query().Get("comp") == "list" {
			s.list(w, r, name)
		}
	}
}

// list answers with the names that begin with a prefix, and, with a delimiter, those below a folder as the folder alone.
func (s *server) list(w http.ResponseWriter, r *http.Request, container string) {
	query := r.URL.Query()
	prefix, delimiter, marker := query.Get("prefix"), query.Get("delimiter"), query.Get("marker")
	limit := pageLimit
	if asked, err := strconv.Atoi(query.Get("maxresults")); err == nil && asked > 0 && asked < limit {
		limit = asked
	}
	names, tell := s.held(container)
	from := prefix
	if marker > from {
		from = marker
	}
	var body strings.Builder
	next := ""
	index := sort.SearchStrings(names, from)
	for found := 0; index < len(names) && strings.HasPrefix(names[index], prefix); found++ {
		name := names[index]
		if found == limit {
			next = name
			break
		}
		if end := strings.Index(name[len(prefix):], delimiter); delimiter != "" && end >= 0 {
			folder := name[:len(prefix)+end+len(delimiter)]
			fmt.Fprintf(&body, "<BlobPrefix><Name>%s</Name></BlobPrefix>", escape(folder))
			// On to the first name that is not below it.
			index += sort.Search(len(names)-index, func(step int) bool { return !strings.HasPrefix(names[index+step], folder) })
			continue
		}
		each := tell(name)
		fmt.Fprintf(&body, "<Blob><Name>%s</Name><Properties><Creation-Time>%s</Creation-Time><Last-Modified>%s</Last-Modified>"+
			"<Etag>%s</Etag><Content-Length>%d</Content-Length><Content-Type>%s</Content-Type><Content-MD5>%s</Content-MD5>"+
			"<BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState></Properties>",
			escape(name), date(each.since), date(each.since), strings.Trim(etag, `"`), each.size, escape(each.kind), each.md5)
		if len(each.meta) > 0 {
			body.WriteString("<Metadata>")
			for key, value := range each.meta {
				fmt.Fprintf(&body, "<%s>%s</%s>", key, escape(value), key)
			}
			body.WriteString("</Metadata>")
		}
		body.WriteString("</Blob>")
		index++
	}
	write(w, `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="%s"><Prefix>%s</Prefix>`+
		`<Delimiter>%s</Delimiter><Blobs>%s</Blobs><NextMarker>%s</NextMarker></EnumerationResults>`,
		escape(container), escape(prefix), escape(delimiter), body.String(), escape(next))
}

// held returns the sorted names of a container, and what tells of each.
func (s *server) held(container string) ([]string, func(string) blob) {
	if container == s.source {
		return s.names, func(string) blob { return s.made }
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	copied := make(map[string]blob, len(s.sent[container]))
	names := make([]string, 0, len(s.sent[container]))
	for name, each := range s.sent[container] {
		copied[name] = each
		names = append(names, name)
	}
	sort.Strings(names)
	return names, func(name string) blob { return copied[name] }
}

func (s *server) find(container, name string) (blob, bool) {
	if container == s.source {
		index := sort.SearchStrings(s.names, name)
		return s.made, index < len(s.names) && s.names[index] == name
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, there := s.sent[container][name]
	return found, there
}

func (s *server) blob(w http.ResponseWriter, r *http.Request, container, name string) {
	comp := r.URL.Query().Get("comp")
	switch r.Method {
	case http.MethodPut:
		s.put(w, r, container, name, comp)
	case http.MethodDelete:
		drain(r)
		s.mutex.Lock()
		delete(s.sent[container], name)
		s.mutex.Unlock()
		w.WriteHeader(http.StatusAccepted)
	case http.MethodGet, http.MethodHead:
		found, there := s.find(container, name)
		if !there || comp == "blocklist" {
			refuse(w, http.StatusNotFound, "BlobNotFound")
			return
		}
		s.get(w, r, found)
	default:
		refuse(w, http.StatusMethodNotAllowed, "UnsupportedHttpVerb")
	}
}

func (s *server) put(w http.ResponseWriter, r *http.Request, container, name, comp string) {
	head := w.Header()
	key := container + "/" + name
	made := blob{kind: r.Header.Get("x-ms-blob-content-type"), since: time.Now(), meta: metadata(r)}
	switch comp {
	case "block":
		size := drain(r)
		s.mutex.Lock()
		if s.blocks[key] == nil {
			s.blocks[key] = map[string]int64{}
		}
		s.blocks[key][r.URL.Query().Get("blockid")] = size
		s.mutex.Unlock()
		echo(head, r)
		w.WriteHeader(http.StatusCreated)
		return
	case "blocklist":
		size, err := s.join(r.Body, key)
		if err != nil {
			refuse(w, http.StatusBadRequest, "InvalidBlockList")
			return
		}
		made.size, made.md5 = size, r.Header.Get("x-ms-blob-content-md5")
	case "":
		made.size = drain(r)
		made.md5 = r.Header.Get("x-ms-blob-content-md5")
		if made.md5 == "" {
			made.md5 = r.Header.Get("Content-MD5")
		}
		echo(head, r)
	default:
		// Metadata, properties, a tier, a lease: as you like.
		drain(r)
		head.Set("ETag", etag)
		head.Set("Last-Modified", date(made.since))
		return
	}
	s.mutex.Lock()
	_, there := s.sent[container][name]
	if there && r.Header.Get("If-None-Match") == "*" {
		s.mutex.Unlock()
		refuse(w, http.StatusConflict, "BlobAlreadyExists")
		return
	}
	if s.sent[container] == nil {
		s.sent[container] = map[string]blob{}
	}
	s.sent[container][name] = made
	delete(s.blocks, key)
	s.mutex.Unlock()
	head.Set("ETag", etag)
	head.Set("Last-Modified", date(made.since))
	w.WriteHeader(http.StatusCreated)
}

// join adds up the blocks that a list names; one that was not sent is an error.
func (s *server) join(body io.Reader, key string) (int64, error) {
	var list struct {
		Blocks []struct {
			ID string `xml:",chardata"`
		} `xml:",any"`
	}
	if err := xml.NewDecoder(body).Decode(&list); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var total int64
	for _, each := range list.Blocks {
		size, there := s.blocks[key][strings.TrimSpace(each.ID)]
		if !there {
			return 0, errors.New("no such block")
		}
		total += size
	}
	return total, nil
}

func (s *server) get(w http.ResponseWriter, r *http.Request, found blob) {
	head := w.Header()
	head.Set("ETag", etag)
	head.Set("Last-Modified", date(found.since))
	head.Set("Accept-Ranges", "bytes")
	head.Set("x-ms-blob-type", "BlockBlob")
	head.Set("x-ms-creation-time", date(found.since))
	head.Set("x-ms-lease-status", "unlocked")
	head.Set("x-ms-lease-state", "available")
	head.Set("Content-Type", found.kind)
	for key, value := range found.meta {
		// Set would write the name with capitals, and clients keep the name as it comes.
		head["x-ms-meta-"+key] = []string{value}
	}
	if wanted := r.Header.Get("If-Match"); wanted != "" && wanted != "*" && wanted != etag {
		refuse(w, http.StatusPreconditionFailed, "ConditionNotMet")
		return
	}
	first, last, ranged := span(r, found.size)
	if ranged && first >= found.size {
		head.Set("Content-Range", fmt.Sprintf("bytes */%d", found.size))
		refuse(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
		return
	}
	head.Set("Content-Length", strconv.FormatInt(last-first+1, 10))
	if ranged {
		head.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, found.size))
		head.Set("x-ms-blob-content-md5", found.md5)
		if strings.EqualFold(r.Header.Get("x-ms-range-get-content-md5"), "true") {
			head.Set("Content-MD5", s.digest(last-first+1))
		}
		w.WriteHeader(http.StatusPartialContent)
	} else if found.md5 != "" {
		head.Set("Content-MD5", found.md5)
	}
	if r.Method == http.MethodHead {
		return
	}
	for left := last - first + 1; left > 0; {
		count := int64(piece)
		if left < count {
			count = left
		}
		if _, err := w.Write(zeros[:count]); err != nil {
			return
		}
		left -= count
	}
}

// span returns the first and the last byte that are asked for, and whether it was asked at all.
func span(r *http.Request, size int64) (int64, int64, bool) {
	asked := r.Header.Get("x-ms-range")
	if asked == "" {
		asked = r.Header.Get("Range")
	}
	begin, end, ok := strings.Cut(strings.TrimPrefix(asked, "bytes="), "-")
	first, err := strconv.ParseInt(begin, 10, 64)
	if !ok || err != nil {
		return 0, size - 1, false
	}
	last, err := strconv.ParseInt(end, 10, 64)
	if err != nil || last >= size {
		last = size - 1
	}
	return first, last, true
}

// digest returns the MD5 of so many zeros, worked out once.
func (s *server) digest(size int64) string {
	s.digestMu.Lock()
	defer s.digestMu.Unlock()
	known, there := s.digests[size]
	if !there {
		sum := md5.New()
		for left := size; left > 0; left -= piece {
			sum.Write(zeros[:min(left, piece)])
		}
		known = base64.StdEncoding.EncodeToString(sum.Sum(nil))
		s.digests[size] = known
	}
	return known
}

// drain reads a body to its end, and returns its length.
func drain(r *http.Request) int64 {
	buffer := buffers.Get().(*[piece]byte)
	defer buffers.Put(buffer)
	var total int64
	for {
		count, err := r.Body.Read(buffer[:])
		total += int64(count)
		if err != nil {
			return total
		}
	}
}

// echo tells the client the digests that it has sent, as the service does once it has verified them.
func echo(head http.Header, r *http.Request) {
	for _, name := range []string{"Content-MD5", "x-ms-content-crc64"} {
		if value := r.Header.Get(name); value != "" {
			head.Set(name, value)
		}
	}
	head.Set("x-ms-request-server-encrypted", "true")
}

func metadata(r *http.Request) map[string]string {
	found := map[string]string{}
	for name, values := range r.Header {
		if key, ok := strings.CutPrefix(strings.ToLower(name), "x-ms-meta-"); ok {
			found[key] = values[0]
		}
	}
	return found
}

func refuse(w http.ResponseWriter, status int, code string) {
	body := fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, code)
	head := w.Header()
	head.Set("x-ms-error-code", code)
	head.Set("Content-Type", "application/xml")
	head.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func write(w http.ResponseWriter, format string, values ...any) {
	w.Header().Set("Content-Type", "application/xml")
	fmt.Fprintf(w, format, values...)
}

func date(at time.Time) string {
	return at.UTC().Format(http.TimeFormat)
}

func escape(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text))
	return out.String()
}
