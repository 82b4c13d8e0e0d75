FIGURES = {"fig1": 1, "fig4": 1, "fig5": 1, "fig_flicker": 1, "fig_steps": 1}
