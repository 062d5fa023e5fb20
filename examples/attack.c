/* Looks for noise that changes the answer, louder and louder:
 * attack MODEL.onnx CLIP.wav OUT.wav - OUT.wav is the noisy clip that is heard otherwise. */
#include <soundproof.h>
#include <stdio.h>

int main(int argc, char **argv) {
    static const char *const budgets[] = {"-60dB", "-50dB", "-40dB", "-30dB", "-20dB"};
    if (argc < 4) {
        fprintf(stderr, "usage: %s MODEL.onnx CLIP.wav OUT.wav\n", argv[0]);
        return 1;
    }
    soundproof *system = soundproof_open(argv[1], NULL, NULL);
    if (!system) {
        fprintf(stderr, "%s\n", soundproof_last_error());
        return 2;
    }
    int code = 0, broken = 0;
    for (size_t i = 0; i < sizeof budgets / sizeof budgets[0] && !broken && code == 0; i++) {
        soundproof_verdict verdict;
        int answer = -1;
        if (soundproof_attack_file(system, &verdict, &answer, argv[2], budgets[i],
                                   SOUNDPROOF_LABEL_PREDICTED, argv[3])) {
            fprintf(stderr, "%s\n", soundproof_last_error());
            code = 2;
        } else if (verdict.outcome == SOUNDPROOF_BROKEN) {
            printf("%s: %d becomes %d at %s: %s\n", argv[2], verdict.predicted, answer, budgets[i],
                   argv[3]);
            broken = 1;
        } else {
            printf("%s: %d, no noise of %s was found that changes it\n", argv[2], verdict.predicted,
                   budgets[i]);
        }
        soundproof_verdict_clear(&verdict);
    }
    soundproof_close(system);
    return code;
}
