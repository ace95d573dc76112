/* Internal to report/: what all formats of a matrix of versions say. All of it is safe text. */
#ifndef NETDX_REPORT_VERSIONS_WORDS_H
#define NETDX_REPORT_VERSIONS_WORDS_H

#include "report/versions.h"

#define VERSIONS_LINE_SIZE 1024

/* "nginx 1.22.1 or later (Ubuntu)" */
void versions_product(char out[VERSIONS_LINE_SIZE], const struct version_product *product);

/*
 * The n-th line of a cell: "nginx 1.22.1 (1 of 3)", "1 of 3 unreachable". False behind the last;
 * a cell without targets has no line.
 */
bool versions_cell_line(char out[VERSIONS_LINE_SIZE], const struct matrix_cell_result *cell,
                        size_t n);

/* "drift, require": the marks that matter; "" where there are none. */
void versions_marks(char out[VERSIONS_LINE_SIZE], const struct matrix_cell_result *cell);

/* "web2.example (10.0.0.2:80)" */
void versions_member(char out[VERSIONS_LINE_SIZE], const struct matrix *matrix,
                     const struct matrix_member *member);

/* "web in production: nginx 1.22.1 breaks \"nginx>=1.23.3\""; for free(). NULL: no memory. */
char *versions_finding(const struct matrix_result *result, const struct matrix_finding *finding);

/* "4 addresses asked, 3 answered, 1 unreachable; 1 critical, 2 warnings" */
void versions_summary(char out[VERSIONS_LINE_SIZE], const struct matrix_result *result,
                      const struct report_versions_run *run);

#endif
