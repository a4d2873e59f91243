/*
 * twin.h - the Python program that a lab mirrors, as an oracle
 */
#ifndef STAGE_TWIN_H
#define STAGE_TWIN_H

/*
 * Plays the scene `program` inside a full run: this program with the one word
 * "program", then the Python program beside the lab's source; shows what they
 * printed and concludes whether it is the same. Where there is no python3 it
 * says so, and concludes nothing. source is the lab's __FILE__.
 */
void twin_compare(const char *source);

#endif
