/* Asks the C library for the addresses of each name on the command line, and prints for each a line:
   the name, then its addresses in order, or what getaddrinfo() says, then "ms N" behind it. Built
   with glibc and with musl. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { addresses_max = 32 };

static int compare(const void *a, const void *b) {
    return strcmp(a, b);
}

static long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void resolve(const char *name) {
    struct addrinfo wanted, *found = NULL;
    char texts[addresses_max][INET6_ADDRSTRLEN];
    size_t count = 0;
    const long begin = now_ms();
    memset(&wanted, 0, sizeof wanted);
    wanted.ai_socktype = SOCK_STREAM;
    const int error = getaddrinfo(name, NULL, &wanted, &found);
    const long took = now_ms() - begin;
    printf("%s", name);
    if (error != 0) printf(" %s", error == EAI_NONAME ? "no-name" : gai_strerror(error));
    for (struct addrinfo *each = found; each != NULL && count < addresses_max; each = each->ai_next) {
        const void *address = each->ai_family == AF_INET
                                  ? (void *)&((struct sockaddr_in *)each->ai_addr)->sin_addr
                                  : (void *)&((struct sockaddr_in6 *)each->ai_addr)->sin6_addr;
        inet_ntop(each->ai_family, address, texts[count++], INET6_ADDRSTRLEN);
    }
    qsort(texts, count, sizeof texts[0], compare);
    for (size_t i = 0; i < count; ++i) printf(" %s", texts[i]);
    printf(" ms %ld\n", took);
    if (found != NULL) freeaddrinfo(found);
}

int main(int count, char **words) {
    for (int i = 1; i < count; ++i) resolve(words[i]);
    return 0;
}
