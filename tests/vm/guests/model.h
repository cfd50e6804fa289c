/* Shared by the guest and its host, test_model.c. */
#ifndef VM_GUESTS_MODEL_H
#define VM_GUESTS_MODEL_H

#define MODEL_CELLS_EACH 24
#define MODEL_CELLS (3 * MODEL_CELLS_EACH)

#endif
