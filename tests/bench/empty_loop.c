/* The least that reading a capture file costs: libpcap's own loop, with nothing in it. */
#include <pcap/pcap.h>
#include <stdio.h>

static void nothing(u_char *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
    (void)header;
    (void)bytes;
    ++*(unsigned long *)context;
}

int main(int argc, char **argv)
{
    char error[PCAP_ERRBUF_SIZE];
    unsigned long packets = 0;
    pcap_t *pcap = argc == 2 ? pcap_open_offline(argv[1], error) : NULL;

    if (!pcap || pcap_loop(pcap, -1, nothing, (u_char *)&packets)) {
        fprintf(stderr, "usage: empty_loop FILE\n");
        return 1;
    }
    pcap_close(pcap);
    printf("%lu\n", packets);
    return 0;
}
