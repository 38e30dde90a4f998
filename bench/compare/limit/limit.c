// limit frames RESP requests of many clients, forwards them over one connection, and gives each answer to the client whose
// turn it is. It checks nothing, has no limits and trusts its peers: it is what a multiplexer cannot go below, and no
// program to use.
//
//   limit PORT SERVER-PORT

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SCRATCH = 128 << 10, EVENTS = 512, CLIENTS = 65536 };

struct buf { char *p; size_t n, off, cap; };
struct conn { int fd, dirty, open; struct buf in, out; };

static struct conn *clients[CLIENTS], server;
static int ep, *turns;
static size_t first, count, room = 1 << 20;
static struct conn *dirty[CLIENTS];
static int dirties;
static char scratch[SCRATCH];

static void put(struct buf *b, const char *p, size_t n) {
  if (b->n + n > b->cap) {
    b->cap = (b->n + n) * 2;
    b->p = realloc(b->p, b->cap);
  }
  memcpy(b->p + b->n, p, n);
  b->n += n;
}

// value returns the end of the value at p, NULL if it is not whole.
static const char *value(const char *p, const char *end) {
  for (long open = 1; open > 0; open--) {
    if (p >= end) return NULL;
    const char *lf = memchr(p, '\n', end - p);
    if (!lf) return NULL;
    long n = (*p == '$' || *p == '*') ? atol(p + 1) : 0;
    if (*p == '*' && n > 0) open += n;
    if (*p == '$' && n >= 0) {
      if (lf + 1 + n + 2 > end) return NULL;
      lf += n + 2;
    }
    p = lf + 1;
  }
  return p;
}

static void mark(struct conn *c) {
  if (!c->dirty) {
    c->dirty = 1;
    dirty[dirties++] = c;
  }
}

static void watch(int fd, unsigned events, int op) {
  struct epoll_event e = {.events = events, .data.fd = fd};
  epoll_ctl(ep, op, fd, &e);
}

static void forward(struct conn *c, size_t n) {
  if (count + n > room) {
    int *grown = malloc(2 * room * sizeof *grown);
    for (size_t i = 0; i < count; i++) grown[i] = turns[(first + i) % room];
    free(turns);
    turns = grown, first = 0, room *= 2;
  }
  for (size_t i = 0; i < n; i++) turns[(first + count++) % room] = c->fd;
}

// offer takes what is whole of p, and returns how much that is.
static size_t offer(struct conn *c, const char *p, size_t n) {
  const char *at = p, *next;
  size_t requests = 0;
  while ((next = value(at, p + n))) {
    if (c == &server) {
      struct conn *to = clients[turns[first]];
      first = (first + 1) % room, count--;
      if (to) {
        put(&to->out, at, next - at);
        mark(to);
      }
    } else {
      requests++;
    }
    at = next;
  }
  if (requests) {
    put(&server.out, p, at - p);
    forward(c, requests);
    mark(&server);
  }
  return at - p;
}

static void readable(struct conn *c) {
  ssize_t n = read(c->fd, scratch, SCRATCH);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    if (c == &server) exit(1);
    clients[c->fd] = NULL; // answers that still come are dropped; the number is used again only by chance in a benchmark
    close(c->fd);
    free(c->in.p), free(c->out.p);
    c->fd = -1;
    return;
  }
  if (c->in.n == 0) {
    size_t taken = offer(c, scratch, n);
    put(&c->in, scratch + taken, n - taken);
    return;
  }
  put(&c->in, scratch, n);
  size_t taken = offer(c, c->in.p, c->in.n);
  memmove(c->in.p, c->in.p + taken, c->in.n -= taken);
}

static void flush(struct conn *c) {
  c->dirty = 0;
  if (c->fd < 0) return;
  while (c->out.off < c->out.n) {
    ssize_t n = write(c->fd, c->out.p + c->out.off, c->out.n - c->out.off);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) watch(c->fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD), c->open = 1;
      return;
    }
    c->out.off += n;
  }
  c->out.n = c->out.off = 0;
  if (c->open) watch(c->fd, EPOLLIN, EPOLL_CTL_MOD), c->open = 0;
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "limit PORT SERVER-PORT\n"), 2;
  turns = malloc(room * sizeof *turns);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(atoi(argv[2]))};
  int on = 1, l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  server.fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(server.fd, (struct sockaddr *)&a, sizeof a)) return perror("connect"), 1;
  fcntl(server.fd, F_SETFL, O_NONBLOCK);
  setsockopt(server.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  a.sin_port = htons(atoi(argv[1]));
  setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(l, (struct sockaddr *)&a, sizeof a) || listen(l, 1024)) return perror("listen"), 1;
  ep = epoll_create1(0);
  watch(l, EPOLLIN, EPOLL_CTL_ADD);
  watch(server.fd, EPOLLIN, EPOLL_CTL_ADD);
  for (;;) {
    struct epoll_event events[EVENTS];
    int n = epoll_wait(ep, events, EVENTS, -1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (fd == l) {
        while ((fd = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
          setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          clients[fd] = calloc(1, sizeof **clients);
          clients[fd]->fd = fd;
          watch(fd, EPOLLIN, EPOLL_CTL_ADD);
        }
        continue;
      }
      struct conn *c = fd == server.fd ? &server : clients[fd];
      if (!c) continue;
      if (events[i].events & EPOLLOUT) mark(c);
      if (events[i].events & ~EPOLLOUT) readable(c);
    }
    int todo = dirties;
    dirties = 0;
    for (int i = 0; i < todo; i++) flush(dirty[i]);
  }
}
