package admin

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"
)

// pageFiles are the page as a browser gets it: nothing is built, and nothing comes from elsewhere.
//
//go:embed page
var pageFiles embed.FS

// pagePolicy has a browser run nothing and fetch nothing but what stands in pageFiles and the API beside it, whatever stands in
// the text that is shown.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// servePage registers the page. It says nothing of the gateway itself: that it asks the API for, as who looks at it may.
func servePage(m *http.ServeMux, index http.HandlerFunc) {
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	serve := http.StripPrefix("/page/", http.FileServerFS(files))
	m.HandleFunc("GET /page/{file}", func(w http.ResponseWriter, r *http.Request) {
		browse(w)
		serve.ServeHTTP(w, r)
	})
	m.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept"), "text/html") {
			index(w, r)
			return
		}
		browse(w)
		http.ServeFileFS(w, r, files, "page.html")
	})
}

// browse sets what a browser must know.
func browse(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Vary", "Accept")
}
