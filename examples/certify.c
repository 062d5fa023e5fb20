/* Certifies one clip: certify MODEL.onnx CLIP.wav [BUDGET]. */
#include <soundproof.h>
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s MODEL.onnx CLIP.wav [BUDGET]\n", argv[0]);
        return 1;
    }
    const char *budget = argc > 3 ? argv[3] : "-60dB";
    soundproof *system = soundproof_open(argv[1], NULL, "exact");
    if (!system) {
        fprintf(stderr, "%s\n", soundproof_last_error());
        return 2;
    }
    soundproof_verdict verdict;
    const int failed =
        soundproof_certify_file(system, &verdict, argv[2], budget, SOUNDPROOF_LABEL_PREDICTED);
    if (failed) {
        fprintf(stderr, "%s\n", soundproof_last_error());
    } else {
        printf("%s: heard as %d; under any noise of %s: %s, margin %.3f\n", argv[2],
               verdict.predicted, budget, soundproof_outcome_name(verdict.outcome), verdict.margin);
    }
    soundproof_verdict_clear(&verdict);
    soundproof_close(system);
    return failed ? 2 : 0;
}
