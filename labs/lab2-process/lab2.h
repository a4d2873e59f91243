/*
 * lab2.h - what the two files of lab 2 share
 */
#ifndef LAB2_H
#define LAB2_H

/* The scenes of lab2-unjoined.c. */
void play_zombie(void);
void play_orphan(void);
void play_daemon(void);

#endif
