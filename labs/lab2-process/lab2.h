/*
 * lab2.h - what the two files of lab 2 share
 */
#ifndef LAB2_H
#define LAB2_H

#define PATIENCE 30 /* seconds until a scene gives up */

/* The scenes of lab2-unjoined.c. */
void play_zombie(void);
void play_orphan(void);
void play_daemon(void);

#endif
